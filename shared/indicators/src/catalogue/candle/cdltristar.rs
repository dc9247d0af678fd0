//! Tristar.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 60.0, 56.0, 58.0, 59.0, 58.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 61.0, 57.0, 63.0, 64.0, 63.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 51.0, 52.0, 58.0, 59.0, 53.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 52.0, 52.0, 58.0, 59.0, 58.0];
//! let row = compute("cdltristar", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdltristar",
    aliases: &["cdl_tristar"],
    summary: "Tristar.",
    formula: "±100: three doji, all measured against the candles before the first, the second of which gaps up (bearish) or down (bullish) and stays beyond the third; else 0",
    source: "TA-Lib 0.8 CDLTRISTAR",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let tiny = c.tiny(2);
    if [first, second, third].iter().any(|candle| candle.body() > tiny) {
        0
    } else if second.body_gaps(first, -1) && third.bottom() > second.bottom() {
        100
    } else {
        when(second.body_gaps(first, 1) && third.top() < second.top(), -1)
    }
}

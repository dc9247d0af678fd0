//! On-neck.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 68.0, 68.0, 80.0, 72.0, 64.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 73.0, 74.0, 81.0, 72.0, 69.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 68.0, 63.0, 74.0, 68.0, 63.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 68.0, 74.0, 74.0, 68.0, 68.0];
//! let row = compute("cdlonneck", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlonneck",
    aliases: &["cdl_onneck"],
    summary: "On-neck.",
    formula: "-100: a long black candle, and a white one that opens below its low and closes at that low; else 0",
    source: "TA-Lib 0.8 CDLONNECK",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && about(second.close, first.low, c.equal(1))
        && c.is_long(1);
    when(found, -1)
}

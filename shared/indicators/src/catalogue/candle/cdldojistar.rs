//! Doji star.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 68.0, 61.0, 59.0, 56.0, 48.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 68.0, 61.0, 64.0, 56.0, 48.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 62.0, 55.0, 53.0, 52.0, 48.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 67.0, 55.0, 53.0, 52.0, 48.0];
//! let row = compute("cdldojistar", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdldojistar",
    aliases: &["cdl_dojistar"],
    summary: "Doji star.",
    formula: "±100, against the first: a long candle, and a doji whose body gaps on; else 0",
    source: "TA-Lib 0.8 CDLDOJISTAR",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let sign = first.sign();
    when(
        second.body_gaps(first, sign) && c.is_long(1) && c.is_doji(0),
        -sign,
    )
}

//! Thrusting.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 62.0, 54.0, 56.0, 53.0, 43.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 62.0, 54.0, 56.0, 58.0, 54.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 61.0, 48.0, 55.0, 46.0, 42.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 62.0, 53.0, 55.0, 47.0, 49.0];
//! let row = compute("cdlthrusting", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlthrusting",
    aliases: &["cdl_thrusting"],
    summary: "Thrusting.",
    formula: "-100: a long black candle, and a white one that opens below its low and closes above its close, in the lower half of its body; else 0",
    source: "TA-Lib 0.8 CDLTHRUSTING",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && second.close > first.close + c.equal(1)
        && second.close <= first.pierced(0.5)
        && c.is_long(1);
    when(found, -1)
}

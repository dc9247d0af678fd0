//! In-neck.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 58.0, 58.0, 62.0, 70.0, 60.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 63.0, 58.0, 73.0, 70.0, 66.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 54.0, 58.0, 57.0, 61.0, 59.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 54.0, 58.0, 68.0, 66.0, 66.0];
//! let row = compute("cdlinneck", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlinneck",
    aliases: &["cdl_inneck"],
    summary: "In-neck.",
    formula: "-100: a long black candle, and a white one that opens below its low and closes at or just above its close; else 0",
    source: "TA-Lib 0.8 CDLINNECK",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && second.close >= first.close
        && second.close <= first.close + c.equal(1)
        && c.is_long(1);
    when(found, -1)
}

//! Homing pigeon.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 35.0, 31.0, 33.0, 33.0, 28.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 40.0, 32.0, 34.0, 34.0, 28.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 30.0, 30.0, 20.0, 20.0, 26.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 39.0, 32.0, 25.0, 25.0, 27.0];
//! let row = compute("cdlhomingpigeon", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhomingpigeon",
    aliases: &["cdl_homingpigeon"],
    summary: "Homing pigeon.",
    formula: "100: a long black candle, and a black one that is not long with its body within the first; else 0",
    source: "TA-Lib 0.8 CDLHOMINGPIGEON",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_black()
        && second.open < first.open
        && second.close > first.close
        && c.is_long(1)
        && !c.is_long(0);
    when(found, 1)
}

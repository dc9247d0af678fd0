//! Piercing.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 34.0, 32.0, 37.0, 37.0, 28.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 41.0, 36.0, 38.0, 37.0, 37.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 34.0, 31.0, 36.0, 29.0, 23.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 40.0, 36.0, 38.0, 29.0, 36.0];
//! let row = compute("cdlpiercing", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlpiercing",
    aliases: &["cdl_piercing"],
    summary: "Piercing.",
    formula: "100: a long black candle, and a long white one that opens below its low and closes in the upper half of its body; else 0",
    source: "TA-Lib 0.8 CDLPIERCING",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && second.close < first.open
        && second.close > first.pierced(0.5)
        && c.is_long(1)
        && c.is_long(0);
    when(found, 1)
}

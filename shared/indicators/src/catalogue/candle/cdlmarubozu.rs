//! Marubozu.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 49.0, 44.0, 40.0, 34.0, 36.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 49.0, 49.0, 45.0, 38.0, 36.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 48.0, 44.0, 39.0, 29.0, 30.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 49.0, 44.0, 40.0, 38.0, 30.0];
//! let row = compute("cdlmarubozu", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmarubozu",
    aliases: &["cdl_marubozu"],
    summary: "Marubozu.",
    formula: "±100: a long candle without shadows; else 0",
    source: "TA-Lib 0.8 CDLMARUBOZU",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_long(0) && c.is_marubozu(0), c[0].sign())
}

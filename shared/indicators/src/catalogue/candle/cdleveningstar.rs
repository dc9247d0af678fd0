//! Evening star.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 35.0, 49.0, 62.0, 69.0, 73.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 48.0, 55.0, 68.0, 69.0, 73.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 30.0, 49.0, 61.0, 68.0, 64.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 43.0, 55.0, 68.0, 69.0, 65.0];
//! let row = compute("cdleveningstar", &[0.3], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdleveningstar",
    aliases: &["cdl_eveningstar"],
    summary: "Evening star.",
    formula: "-100: a long white candle, one that is not long whose body gaps up, and a long black one that closes at least the penetration deep in the first body; else 0",
    source: "TA-Lib 0.8 CDLEVENINGSTAR",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.3)],
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_star(-1) && !c.is_long(1), -1)
}

//! Morning star.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 74.0, 78.0, 78.0, 70.0, 66.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 80.0, 79.0, 83.0, 75.0, 74.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 74.0, 70.0, 71.0, 70.0, 61.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 80.0, 70.0, 72.0, 70.0, 74.0];
//! let row = compute("cdlmorningstar", &[0.3], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmorningstar",
    aliases: &["cdl_morningstar"],
    summary: "Morning star.",
    formula: "100: a long black candle, one that is not long whose body gaps down, and a long white one that closes at least the penetration deep in the first body; else 0",
    source: "TA-Lib 0.8 CDLMORNINGSTAR",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.3)],
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_star(1) && !c.is_long(1), 1)
}

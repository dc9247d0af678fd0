//! Kicking by length.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 45.0, 54.0, 58.0, 62.0, 64.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 49.0, 60.0, 59.0, 62.0, 68.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 40.0, 53.0, 58.0, 56.0, 64.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 49.0, 60.0, 59.0, 56.0, 68.0];
//! let row = compute("cdlkickingbylength", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlkickingbylength",
    aliases: &["cdl_kickingbylength"],
    summary: "Kicking by length.",
    formula: "as kicking, with the sign of the longer of the two; else 0",
    source: "TA-Lib 0.8 CDLKICKINGBYLENGTH",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let longer = if c[0].body() > c[1].body() { 0 } else { 1 };
    when(c.is_kicking(), c[longer].sign())
}

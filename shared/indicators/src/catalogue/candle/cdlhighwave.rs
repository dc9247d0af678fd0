//! High-wave candle.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 63.0, 59.0, 61.0, 58.0, 60.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 63.0, 65.0, 62.0, 63.0, 61.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 62.0, 59.0, 53.0, 53.0, 59.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 63.0, 65.0, 53.0, 54.0, 60.0];
//! let row = compute("cdlhighwave", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhighwave",
    aliases: &["cdl_highwave"],
    summary: "High-wave candle.",
    formula: "±100 by colour: a short body with both shadows longer than twice it; else 0",
    source: "TA-Lib 0.8 CDLHIGHWAVE",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let long = 2.0 * c[0].body();
    when(
        c[0].upper() > long && c[0].lower() > long && c.is_short(0),
        c[0].sign(),
    )
}

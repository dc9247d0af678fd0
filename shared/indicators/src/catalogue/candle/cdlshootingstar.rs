//! Shooting star.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 59.0, 57.0, 57.0, 61.0, 67.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 59.0, 58.0, 62.0, 67.0, 68.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 54.0, 53.0, 57.0, 61.0, 67.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 59.0, 53.0, 57.0, 62.0, 67.0];
//! let row = compute("cdlshootingstar", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlshootingstar",
    aliases: &["cdl_shootingstar"],
    summary: "Shooting star.",
    formula: "-100: a short body that gaps up, an upper shadow longer than it, no lower one; else 0",
    source: "TA-Lib 0.8 CDLSHOOTINGSTAR",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found =
        second.upper() > second.body() && second.body_gaps(first, 1) && c.is_short(0) && c.no_lower(0);
    when(found, -1)
}

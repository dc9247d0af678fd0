//! Belt-hold.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 44.0, 48.0, 62.0, 68.0, 65.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 53.0, 61.0, 63.0, 69.0, 72.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 44.0, 48.0, 56.0, 68.0, 65.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 48.0, 56.0, 61.0, 69.0, 71.0];
//! let row = compute("cdlbelthold", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlbelthold",
    aliases: &["cdl_belthold"],
    summary: "Belt-hold.",
    formula: "±100: a long candle without a shadow beyond its open; else 0",
    source: "TA-Lib 0.8 CDLBELTHOLD",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_long(0) && c.is_belt_hold(0), c[0].sign())
}

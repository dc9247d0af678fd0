//! Gravestone doji.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 31.0, 30.0, 26.0, 19.0, 12.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 31.0, 30.0, 26.0, 19.0, 13.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 26.0, 30.0, 20.0, 14.0, 12.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 31.0, 30.0, 20.0, 19.0, 12.0];
//! let row = compute("cdlgravestonedoji", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlgravestonedoji",
    aliases: &["cdl_gravestonedoji"],
    summary: "Gravestone doji.",
    formula: "100: a doji without a lower shadow, with an upper one; else 0",
    source: "TA-Lib 0.8 CDLGRAVESTONEDOJI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_doji(0) && c.no_lower(0) && c[0].upper() > c.tiny(0), 1)
}

//! Short line.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 36.0, 32.0, 34.0, 34.0, 29.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 41.0, 33.0, 35.0, 35.0, 29.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 31.0, 31.0, 21.0, 21.0, 27.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 40.0, 33.0, 26.0, 26.0, 28.0];
//! let row = compute("cdlshortline", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlshortline",
    aliases: &["cdl_shortline"],
    summary: "Short line.",
    formula: "±100: a short candle with short shadows; else 0",
    source: "TA-Lib 0.8 CDLSHORTLINE",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let short = c.short_shadow(0);
    when(
        c[0].upper() < short && c[0].lower() < short && c.is_short(0),
        c[0].sign(),
    )
}

//! Harami cross.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 50.0, 62.0, 55.0, 56.0, 53.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 63.0, 67.0, 64.0, 61.0, 53.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 45.0, 56.0, 55.0, 43.0, 53.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 58.0, 56.0, 63.0, 48.0, 53.0];
//! let row = compute("cdlharamicross", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlharamicross",
    aliases: &["cdl_haramicross"],
    summary: "Harami cross.",
    formula: "±100, against the first: a long candle, and a doji with its body within the first; ±80 when they share an end; else 0",
    source: "TA-Lib 0.8 CDLHARAMICROSS",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    if c.is_long(1) && c.is_doji(0) {
        c.harami()
    } else {
        0
    }
}

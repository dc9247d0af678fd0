//! Harami.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 47.0, 56.0, 50.0, 49.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 51.0, 48.0, 58.0, 51.0, 50.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 47.0, 42.0, 56.0, 44.0, 48.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 47.0, 48.0, 57.0, 44.0, 50.0];
//! let row = compute("cdlharami", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(80.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlharami",
    aliases: &["cdl_harami"],
    summary: "Harami.",
    formula: "±100, against the first: a long candle, and one that is not long with its body within the first; ±80 when they share an end; else 0",
    source: "TA-Lib 0.8 CDLHARAMI",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    if c.is_long(1) && !c.is_long(0) {
        c.harami()
    } else {
        0
    }
}

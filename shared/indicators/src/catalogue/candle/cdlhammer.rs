//! Hammer.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 45.0, 34.0, 32.0, 33.0, 18.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 45.0, 35.0, 38.0, 38.0, 18.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 36.0, 32.0, 31.0, 24.0, 13.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 37.0, 33.0, 38.0, 25.0, 18.0];
//! let row = compute("cdlhammer", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhammer",
    aliases: &["cdl_hammer"],
    summary: "Hammer.",
    formula: "100: a short body below or near the low before, a lower shadow longer than it, no upper one; else 0",
    source: "TA-Lib 0.8 CDLHAMMER",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = second.lower() > second.body()
        && c.is_short(0)
        && c.no_upper(0)
        && second.bottom() <= first.low + c.near(1);
    when(found, 1)
}

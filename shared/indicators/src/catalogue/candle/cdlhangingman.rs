//! Hanging man.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 34.0, 35.0, 26.0, 21.0, 20.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 34.0, 35.0, 31.0, 21.0, 20.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 34.0, 27.0, 17.0, 15.0, 19.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 27.0, 22.0, 20.0, 20.0];
//! let row = compute("cdlhangingman", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhangingman",
    aliases: &["cdl_hangingman"],
    summary: "Hanging man.",
    formula: "-100: a short body above or near the high before, a lower shadow longer than it, no upper one; else 0",
    source: "TA-Lib 0.8 CDLHANGINGMAN",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = second.lower() > second.body()
        && c.is_short(0)
        && c.no_upper(0)
        && second.bottom() >= first.high - c.near(1);
    when(found, -1)
}

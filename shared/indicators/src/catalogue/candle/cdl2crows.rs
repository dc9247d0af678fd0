//! Two crows.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 42.0, 32.0, 29.0, 40.0, 39.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 42.0, 32.0, 33.0, 40.0, 39.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 36.0, 25.0, 24.0, 35.0, 30.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 36.0, 26.0, 33.0, 36.0, 31.0];
//! let row = compute("cdl2crows", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl2crows",
    aliases: &["cdl_2crows"],
    summary: "Two crows.",
    formula: "-100: a long white candle, a black one whose body gaps up, a black one that opens within the second body and closes within the first; else 0",
    source: "TA-Lib 0.8 CDL2CROWS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_white()
        && second.is_black()
        && third.is_black()
        && second.body_gaps(first, 1)
        && second.holds(third.open)
        && first.holds(third.close)
        && c.is_long(2);
    when(found, -1)
}

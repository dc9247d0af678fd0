//! Hikkake.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 50.0, 56.0, 56.0, 54.0, 53.0];
//! let high = &[54.0, 59.0, 57.0, 61.0, 58.0, 54.0];
//! let low = &[49.0, 50.0, 51.0, 45.0, 54.0, 45.0];
//! let close = &[53.0, 58.0, 57.0, 50.0, 58.0, 45.0];
//! let row = compute("cdlhikkake", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhikkake",
    aliases: &["cdl_hikkake"],
    summary: "Hikkake.",
    formula: "±100: an inside bar left downwards (bullish) or upwards (bearish), both high and low; ±200 when one of the next three closes beyond the other end of the inside bar; else 0",
    source: "TA-Lib 0.8 CDLHIKKAKE",
    warm_up: |_| 5,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    c.confirmed(|back| {
        let (first, second, third) = (&c[back + 2], &c[back + 1], &c[back]);
        if second.high >= first.high || second.low <= first.low {
            return 0;
        }
        i32::from(third.moves(second, -1)) - i32::from(third.moves(second, 1))
    })
}

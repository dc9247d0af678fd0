//! Break of structure.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("bos", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::{Break, Breaking, Breaks};

pub(crate) const KERNEL: Builder = kernel!(Told<Breaks, Bos>: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "bos",
    summary: "Break of structure: a close beyond a swing point, on the way of the break before.",
    formula: "1 on the bar that is the first to close above the last swing high in an upward structure, -1 below the last swing low in a downward one, else 0; the first break of all counts; swing points as in swing",
    source: "Dow theory; smart money concepts",
    parameters: &[Parameter::bars("strength", 1, 5)],
    cost: AMORTISED,
    warm_up: |p| 2 * p.length(0),
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

pub(crate) struct Bos;

impl Breaking for Bos {
    fn sign(of: Break) -> f64 {
        match of {
            Break::On(sign) => sign,
            _ => 0.0,
        }
    }
}

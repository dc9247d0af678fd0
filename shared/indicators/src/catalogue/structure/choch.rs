//! Change of character.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("choch", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::{Break, Breaking, Breaks};

pub(crate) const KERNEL: Builder = kernel!(Told<Breaks, Choch>: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "choch",
    summary: "Change of character: a close beyond a swing point, against the way of the break before.",
    formula: "1 on the bar that is the first to close above the last swing high in a downward structure, -1 below the last swing low in an upward one, else 0; swing points as in swing",
    source: "Dow theory; smart money concepts",
    parameters: &[Parameter::bars("strength", 1, 5)],
    cost: AMORTISED,
    warm_up: |p| 2 * p.length(0),
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

pub(crate) struct Choch;

impl Breaking for Choch {
    fn sign(of: Break) -> f64 {
        match of {
            Break::Against(sign) => sign,
            _ => 0.0,
        }
    }
}

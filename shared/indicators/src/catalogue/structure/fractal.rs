//! Fractals of Bill Williams.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("fractal", &[], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[None, None]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::Swings;

pub(crate) const KERNEL: Builder = kernel!(Fractal: 2 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "fractal",
    aliases: &["fractals"],
    summary: "Williams's fractals, on the bar that confirms them.",
    formula: "up: the high of two bars ago where it is greater than the two before it and not less than the two after it, down: the mirror image; absent on every other bar",
    source: "Williams 1995",
    outputs: &["up", "down"],
    warm_up: |_| 2 * SIDE as usize,
    ..KERNEL.definition()
};

/// Bars on each side.
const SIDE: u32 = 2;

state! { Fractal { swings: Swings } }

impl Kernel<f64, 2, 2> for Fractal {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(_: &[f64]) -> Self {
        Self {
            swings: Swings::new(SIDE),
        }
    }

    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 2] {
        let (up, down) = self.swings.next(high, low).unwrap_or_default();
        [up.or_absent(), down.or_absent()]
    }
}

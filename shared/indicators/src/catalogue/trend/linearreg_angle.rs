//! Angle of the least-squares line, in degrees.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("linearreg_angle", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(56.310)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes LinearregAngle: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "linearreg_angle",
    aliases: &["linreg_angle"],
    summary: "Angle of the least-squares line, in degrees.",
    formula: "atan(linearreg_slope) × 180 / π",
    source: "TA-Lib 0.8 LINEARREG_ANGLE",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { LinearregAngle<L> { window: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for LinearregAngle<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Linear::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .window
            .push(x)
            .map(|line| line.slope().map(|slope| slope.atan().to_degrees()))
            .or_absent()]
    }
}

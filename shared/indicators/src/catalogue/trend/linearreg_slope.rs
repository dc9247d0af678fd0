//! Slope of the least-squares line, a bar.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("linearreg_slope", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes LinearregSlope: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "linearreg_slope",
    aliases: &["linreg_slope"],
    summary: "Slope of the least-squares line, a bar.",
    formula: "covariance of x with time over the variance of time",
    source: "TA-Lib 0.8 LINEARREG_SLOPE",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { LinearregSlope<L> { window: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for LinearregSlope<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Linear::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.window.push(x).map(|line| line.slope()).or_absent()]
    }
}

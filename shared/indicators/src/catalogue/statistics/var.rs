//! Variance of the population.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("var", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.562)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Var: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "var",
    aliases: &["variance"],
    summary: "Variance of the population.",
    formula: "mean of squared deviations from the mean, ddof 0",
    source: "TA-Lib 0.8 VAR",
    parameters: &[Parameter::bars("period", 1, 5)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Var<L> { window: Squares<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Var<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Squares::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.window.push(x).map(|window| window.variance()).or_absent()]
    }
}

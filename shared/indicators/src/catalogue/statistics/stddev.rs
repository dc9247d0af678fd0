//! Standard deviation of the population.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("stddev", &[2.0, 1.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Stddev: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stddev",
    summary: "Standard deviation of the population.",
    formula: "deviations × √(mean of squared deviations from the mean), ddof 0",
    source: "TA-Lib 0.8 STDDEV",
    parameters: &[
        Parameter::bars("period", 2, 5),
        Parameter::real("deviations", 0.0, 100.0, 1.0),
    ],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Stddev<L> { deviations: f64; window: Squares<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Stddev<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            deviations: p[1],
            window: Squares::new(p.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .window
            .push(x)
            .map(|window| window.variance().sqrt().scale(self.deviations))
            .or_absent()]
    }
}

//! Place within the Bollinger bands.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("percent_b", &[2.0, 2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes PercentB: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "percent_b",
    aliases: &["bbp"],
    summary: "Place within the Bollinger bands: 0 at the lower, 1 at the upper.",
    formula: "(x - lower) / (upper - lower); absent when flat",
    source: "Bollinger",
    parameters: &[
        Parameter::bars("period", 2, 20),
        Parameter::real("deviations", 0.01, 100.0, 2.0),
    ],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { PercentB<L> { spread: Spread<L> } }

impl<L: Lane> Kernel<L, 1, 1> for PercentB<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            spread: Spread::new(p.bars(0), p[1]),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .spread
            .next(x)
            .map(|(mean, width)| (x - mean + width).over_or_absent(width + width))
            .or_absent()]
    }
}

//! Deviations from the mean.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("zscore", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.707)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Zscore: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "zscore",
    summary: "Deviations from the mean.",
    formula: "(x - mean) / stddev, ddof 1; 0 when flat",
    source: "pandas-ta-classic zscore",
    parameters: &[Parameter::bars("period", 2, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Zscore<L> { divisor: f64; window: Squares<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Zscore<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            divisor: p[0] - 1.0,
            window: Squares::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .window
            .push(x)
            .map(|window| (x - window.mean()).over(window.deviations().scale(1.0 / self.divisor).sqrt()))
            .or_absent()]
    }
}

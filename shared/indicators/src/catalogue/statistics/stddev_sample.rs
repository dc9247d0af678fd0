//! Standard deviation of a sample.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("stddev_sample", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.061)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes StddevSample: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stddev_sample",
    aliases: &["stdev"],
    summary: "Standard deviation of a sample.",
    formula: "√(sum of squared deviations from the mean / (period - 1)), ddof 1",
    source: "pandas-ta-classic stdev",
    parameters: &[Parameter::bars("period", 2, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { StddevSample<L> { divisor: f64; window: Squares<L> } }

impl<L: Lane> Kernel<L, 1, 1> for StddevSample<L> {
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
            .map(|window| window.deviations().scale(1.0 / self.divisor).sqrt())
            .or_absent()]
    }
}

//! Pretty good oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0];
//! let row = compute("pgo", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(-0.100)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Pgo: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pgo",
    summary: "Pretty good oscillator.",
    formula: "(close - sma(close, period)) / ema(atr(period), period); 0 without range",
    source: "Johnson, pandas-ta-classic pgo",
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: |p| 2 * p.length(0) - 1,
    memory: |p| settle_wilder_first(p) + settle_exponential_first(p),
    ..KERNEL.definition()
};

state! { Pgo<L> { mean: Sum<L>, range: AverageRange<L>, average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Pgo<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            mean: Sum::new(p.bars(0)),
            range: AverageRange::new(p.bars(0)),
            average: Smoothing::exponential(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        let mean = self.mean.push(close);
        let range = self
            .range
            .next(high, low, close)
            .and_then(|range| self.average.next(range));
        [mean
            .zip(range)
            .map(|(mean, range)| (close - mean.mean()).over(range))
            .or_absent()]
    }
}

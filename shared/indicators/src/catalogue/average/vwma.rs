//! Volume-weighted moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("vwma", &[2.0], &[close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.300)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Vwma: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "vwma",
    summary: "Moving average weighted by volume.",
    formula: "sum(x × volume, period) / sum(volume, period); absent while nothing was traded",
    source: "TA-Lib 0.8 VWMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Vwma<L> { traded: Sum<L>, volume: Sum<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Vwma<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(parameters: &[f64]) -> Self {
        let window = Sum::new(parameters.bars(0));
        Self {
            traded: window.clone(),
            volume: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        let traded = self.traded.push(x * volume);
        let volume = self.volume.push(volume);
        let value = traded
            .zip(volume)
            .map(|(traded, volume)| traded.sum().over_or_absent(volume.sum()));
        [value.or_absent()]
    }
}

//! Chaikin's money flow.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("cmf", &[2.0], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.200)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Cmf: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cmf",
    summary: "Chaikin's money flow.",
    formula: "sum(((close - low) - (high - close)) / (high - low) × volume) / sum(volume), over period; 0 without volume",
    source: "Chaikin, TA-Lib 0.8 CMF",
    parameters: &[Parameter::bars("period", 1, 20)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Cmf<L> { flow: Sum<L>, volume: Sum<L> } }

impl<L: Lane> Kernel<L, 4, 1> for Cmf<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(p: &[f64]) -> Self {
        let window = Sum::new(p.bars(0));
        Self {
            flow: window.clone(),
            volume: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 1] {
        let flow = self.flow.push(money_flow(high, low, close, volume));
        let volume = self.volume.push(volume);
        [flow
            .zip(volume)
            .map(|(flow, volume)| flow.sum().over(volume.sum().positive()))
            .or_absent()]
    }
}

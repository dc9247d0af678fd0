//! Chaikin's money flow.

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

//! Fast stochastic oscillator.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Stochf: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stochf",
    summary: "Fast stochastic oscillator.",
    formula: "k = 100 × (close - lowest) / (highest - lowest), d = sma(k, d); 0 in a flat window",
    source: "Lane, TA-Lib 0.8 STOCHF",
    outputs: &["k", "d"],
    parameters: &[Parameter::bars("k", 1, 5), Parameter::bars("d", 1, 3)],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(1) - 2,
    ..KERNEL.definition()
};

state! { Stochf<L> { raw: Stochastic<L>, signal: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Stochf<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            raw: Stochastic::new(p.bars(0)),
            signal: Sum::new(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        match self
            .raw
            .next(high, low, close)
            .and_then(|k| Some((k, self.signal.push(k)?.mean())))
        {
            Some((k, d)) => [k, d],
            None => [L::absent(); 2],
        }
    }
}

//! Awesome oscillator.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ao: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ao",
    summary: "Awesome oscillator.",
    formula: "sma(hl2, fast) - sma(hl2, slow)",
    source: "Williams, TA-Lib 0.8 AO",
    parameters: &[Parameter::bars("fast", 1, 5), Parameter::bars("slow", 2, 34)],
    cost: AMORTISED,
    warm_up: |p| p.length(1) - 1,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Ao<L> { fast: Sum<L>, slow: Sum<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Ao<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            fast: Sum::new(p.bars(0)),
            slow: Sum::new(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        let middle = (high + low).scale(0.5);
        let fast = self.fast.push(middle);
        let slow = self.slow.push(middle);
        [fast
            .zip(slow)
            .map(|(fast, slow)| fast.mean() - slow.mean())
            .or_absent()]
    }
}

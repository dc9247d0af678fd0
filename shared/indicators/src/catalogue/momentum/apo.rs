//! Absolute price oscillator.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Apo: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "apo",
    summary: "Absolute price oscillator: a fast average less a slow one.",
    formula: "ma(x, fast) - ma(x, slow); average: 0 simple, 1 exponential, 2 weighted",
    source: "TA-Lib 0.8 APO",
    parameters: FAST_SLOW,
    warm_up: slow_warm_up,
    memory: settle_slow,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Apo<L> { averages: Averages<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Apo<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            averages: Averages::new(p.bars(0), p.bars(1), p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.averages.next(x).map(|(fast, slow)| fast - slow).or_absent()]
    }
}

//! Elder's bull and bear power.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Eri: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "eri",
    summary: "Elder's bull and bear power.",
    formula: "bull = high - ema(close, period), bear = low - ema(close, period)",
    source: "Elder 1993, TA-Lib 0.8 ERI",
    outputs: &["bull", "bear"],
    parameters: &[Parameter::bars("period", 1, 13)],
    warm_up: window_first,
    memory: settle_exponential_first,
    ..KERNEL.definition()
};

state! { Eri<L> { average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Eri<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            average: Smoothing::exponential(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        match self.average.next(close) {
            Some(average) => [high - average, low - average],
            None => [L::absent(); 2],
        }
    }
}

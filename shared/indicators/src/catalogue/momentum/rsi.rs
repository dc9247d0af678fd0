//! Relative strength index.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rsi: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rsi",
    summary: "Relative strength index.",
    formula: "100 × g / (g + l), g and l Wilder's averages of rises and falls; 0 when nothing moved",
    source: "Wilder 1978, TA-Lib 0.8 RSI",
    parameters: &[Parameter::bars("period", 2, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Rsi<L> { previous: Previous<L>, gains: Smoothing<L>, losses: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Rsi<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        let average = Smoothing::wilder(p.bars(0));
        Self {
            previous: Previous::new(),
            gains: average.clone(),
            losses: average,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let Some(previous) = self.previous.push(x) else {
            return [L::absent()];
        };
        let change = x - previous;
        let gain = change.positive();
        let gains = self.gains.next(gain);
        let losses = self.losses.next(gain - change);
        [gains
            .zip(losses)
            .map(|(gain, loss)| gain.over(gain + loss).scale(100.0))
            .or_absent()]
    }
}

//! Chande's momentum oscillator, Wilder-smoothed.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Cmo: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cmo",
    summary: "Chande's momentum oscillator, Wilder-smoothed.",
    formula: "100 × (g - l) / (g + l), g and l Wilder's averages of rises and falls; 0 when nothing moved",
    source: "Chande 1994, TA-Lib 0.8 CMO (pandas_ta's takes plain sums)",
    parameters: &[Parameter::bars("period", 2, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Cmo<L> { previous: Previous<L>, gains: Smoothing<L>, losses: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Cmo<L> {
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
            .map(|(gain, loss)| (gain - loss).over(gain + loss).scale(100.0))
            .or_absent()]
    }
}

//! Williams' %R.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Willr: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "willr",
    summary: "Williams' %R.",
    formula: "-100 × (highest - close) / (highest - lowest); 0 in a flat window",
    source: "Williams, TA-Lib 0.8 WILLR",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Willr<L> { range: Range<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Willr<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            range: Range::new(p.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self
            .range
            .next(high, low)
            .map(|(highest, lowest)| (close - highest).over(highest - lowest).scale(100.0))
            .or_absent()]
    }
}

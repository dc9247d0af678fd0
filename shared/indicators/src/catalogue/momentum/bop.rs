//! Balance of power.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Bop: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "bop",
    summary: "Balance of power.",
    formula: "(close - open) / (high - low); 0 for a bar without range",
    source: "Livshin, TA-Lib 0.8 BOP",
    ..KERNEL.definition()
};

state! { Bop<L> { nothing: std::marker::PhantomData<L>;  } }

impl<L: Lane> Kernel<L, 4, 1> for Bop<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(_: &[f64]) -> Self {
        Self {
            nothing: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 1] {
        [(close - open).over(high - low)]
    }
}

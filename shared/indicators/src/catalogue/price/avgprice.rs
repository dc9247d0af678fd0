//! Mean of open, high, low and close.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Avgprice: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "avgprice",
    summary: "Mean of open, high, low and close.",
    formula: "(open + high + low + close) / 4",
    source: "TA-Lib 0.8 AVGPRICE",
    ..KERNEL.definition()
};

state! { Avgprice<L> { nothing: std::marker::PhantomData<L>;  } }

impl<L: Lane> Kernel<L, 4, 1> for Avgprice<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(_: &[f64]) -> Self {
        Self {
            nothing: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 1] {
        [(open + high + low + close).scale(0.25)]
    }
}

//! Chaikin's accumulation and distribution line.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ad: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ad",
    summary: "Chaikin's accumulation and distribution line.",
    formula: "sum of ((close - low) - (high - close)) / (high - low) × volume; a bar without range adds 0",
    source: "Chaikin, TA-Lib 0.8 AD",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Ad<L> { value: L } }

impl<L: Lane> Kernel<L, 4, 1> for Ad<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(_: &[f64]) -> Self {
        Self { value: L::zero() }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 1] {
        self.value = self.value + money_flow(high, low, close, volume);
        [self.value]
    }
}

//! Wilder's directional movement index.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Dx: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "dx",
    summary: "Wilder's directional movement index.",
    formula: "100 × |+di - -di| / (+di + -di); as before where both are 0",
    source: "Wilder 1978, TA-Lib 0.8 DX",
    parameters: &[Parameter::bars("period", 2, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Dx<L> { movement: Movement<L>, value: L } }

impl<L: Lane> Kernel<L, 3, 1> for Dx<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            movement: Movement::new(p.bars(0)),
            value: L::zero(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        let Some(index) = self.movement.index(high, low, close) else {
            return [L::absent()];
        };
        self.value = index.zip(self.value, |index, old| if index.is_nan() { old } else { index });
        [self.value]
    }
}

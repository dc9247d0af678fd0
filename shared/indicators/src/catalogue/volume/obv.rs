//! On-balance volume.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Obv: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "obv",
    summary: "On-balance volume.",
    formula: "the first volume, then + volume when x rises, - volume when it falls",
    source: "Granville 1963, TA-Lib 0.8 OBV",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Obv<L> { previous: Previous<L>, value: L } }

impl<L: Lane> Kernel<L, 2, 1> for Obv<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(_: &[f64]) -> Self {
        Self {
            previous: Previous::new(),
            value: L::zero(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        let signed = match self.previous.push(x) {
            Some(previous) => {
                let fallen = (-volume).zip3(
                    x,
                    previous,
                    |volume, x, previous| {
                        if x < previous { volume } else { 0.0 }
                    },
                );
                volume.zip4(
                    fallen,
                    x,
                    previous,
                    |risen, fallen, x, previous| {
                        if x > previous { risen } else { fallen }
                    },
                )
            }
            None => volume,
        };
        self.value = self.value + signed;
        [self.value]
    }
}

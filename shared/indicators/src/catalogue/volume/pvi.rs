//! Positive volume index.

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Pvi: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pvi",
    summary: "Positive volume index.",
    formula: "from 1000, grows as x does on bars whose volume is greater than the one before",
    source: "Dysart, Fosback, TA-Lib 0.8 PVI",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Pvi<L> { previous: Previous<L>, volume: Previous<L>, value: L } }

impl<L: Lane> Kernel<L, 2, 1> for Pvi<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(_: &[f64]) -> Self {
        Self {
            previous: Previous::new(),
            volume: Previous::new(),
            value: L::splat(1000.0),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        if let Some((before, less)) = self.previous.push(x).zip(self.volume.push(volume)) {
            let growth =
                (x - before).over(before).zip3(
                    volume,
                    less,
                    |growth, volume, less| if volume > less { growth } else { 0.0 },
                );
            self.value = bounded(self.value + growth * self.value, self.value);
        }
        [self.value]
    }
}

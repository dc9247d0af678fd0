//! Wilder's directional movement index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("dx", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(75.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

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

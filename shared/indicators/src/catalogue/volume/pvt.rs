//! Price and volume trend.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("pvt", &[], &[close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(23.370)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Pvt: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pvt",
    summary: "Price and volume trend.",
    formula: "sum of (x - x[1]) / x[1] × volume, from 0",
    source: "TA-Lib 0.8 PVT",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Pvt<L> { previous: Previous<L>, value: L } }

impl<L: Lane> Kernel<L, 2, 1> for Pvt<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(_: &[f64]) -> Self {
        Self {
            previous: Previous::new(),
            value: L::zero(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        if let Some(previous) = self.previous.push(x) {
            self.value = bounded(self.value + (x - previous).over(previous) * volume, self.value);
        }
        [self.value]
    }
}

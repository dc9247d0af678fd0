//! Relative volume.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("rvol", &[2.0], &[volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.116)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rvol: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rvol",
    summary: "Relative volume.",
    formula: "volume / mean of the volumes of the period bars before; absent when those are 0",
    source: "TA-Lib 0.8 RVOL",
    parameters: &[Parameter::bars("period", 1, 20)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Rvol<L> { window: Sum<L>, mean: Previous<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Rvol<L> {
    const INPUTS: [Input; 1] = VOLUME_ONLY;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Sum::new(p.bars(0)),
            mean: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [volume]: [L; 1]) -> [L; 1] {
        let value = self.mean.get().map(|mean| volume.over_or_absent(mean));
        if let Some(window) = self.window.push(volume) {
            self.mean.push(window.mean());
        }
        [value.or_absent()]
    }
}

//! Positive volume index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("pvi", &[], &[close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1257.143)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

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

state! { Pvi<L> { index: VolumeIndex<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Pvi<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(_: &[f64]) -> Self {
        Self {
            index: VolumeIndex::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        [self.index.next(x, volume, |volume, before| volume > before)]
    }
}

//! Elder's force index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("efi", &[2.0], &[close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(129.583)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Efi: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "efi",
    summary: "Elder's force index.",
    formula: "ema((x - x[1]) × volume, period)",
    source: "Elder 1993, TA-Lib 0.8 EFI",
    parameters: &[Parameter::bars("period", 1, 13)],
    warm_up: change_first,
    memory: settle_exponential_first,
    ..KERNEL.definition()
};

state! { Efi<L> { previous: Previous<L>, average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Efi<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(p: &[f64]) -> Self {
        Self {
            previous: Previous::new(),
            average: Smoothing::exponential(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        let force = self.previous.push(x).map(|previous| (x - previous) * volume);
        [force.and_then(|force| self.average.next(force)).or_absent()]
    }
}

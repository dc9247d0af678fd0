//! Percentage volume oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("pvo", &[2.0, 3.0, 1.0], &[volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(2.222)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Pvo: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pvo",
    summary: "Percentage volume oscillator.",
    formula: "100 × (ma(volume, fast) - ma(volume, slow)) / ma(volume, slow); average: 0 simple, 1 exponential, 2 weighted; 0 where the slow one is 0",
    source: "TA-Lib 0.8 PVO",
    parameters: FAST_SLOW,
    warm_up: slow_warm_up,
    memory: settle_slow,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Pvo<L> { averages: Averages<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Pvo<L> {
    const INPUTS: [Input; 1] = VOLUME_ONLY;

    fn new(p: &[f64]) -> Self {
        Self {
            averages: Averages::new(p.bars(0), p.bars(1), p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [volume]: [L; 1]) -> [L; 1] {
        [self.averages.percentage(volume).or_absent()]
    }
}

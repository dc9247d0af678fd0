//! Absolute price oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("apo", &[2.0, 3.0, 1.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Apo: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "apo",
    summary: "Absolute price oscillator: a fast average less a slow one.",
    formula: "ma(x, fast) - ma(x, slow); average: 0 simple, 1 exponential, 2 weighted",
    source: "TA-Lib 0.8 APO",
    parameters: FAST_SLOW,
    warm_up: slow_warm_up,
    memory: settle_slow,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Apo<L> { averages: Averages<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Apo<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            averages: Averages::new(p.bars(0), p.bars(1), p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.averages.next(x).map(|(fast, slow)| fast - slow).or_absent()]
    }
}

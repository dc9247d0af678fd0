//! Percentage price oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("ppo", &[2.0, 3.0, 1.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(2.222)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ppo: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ppo",
    summary: "Percentage price oscillator.",
    formula: "100 × (ma(x, fast) - ma(x, slow)) / ma(x, slow); average: 0 simple, 1 exponential, 2 weighted; 0 where the slow one is 0",
    source: "TA-Lib 0.8 PPO",
    parameters: FAST_SLOW,
    warm_up: slow_warm_up,
    memory: settle_slow,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Ppo<L> { averages: Averages<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Ppo<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            averages: Averages::new(p.bars(0), p.bars(1), p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.averages.percentage(x).or_absent()]
    }
}

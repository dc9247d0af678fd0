//! Exponential moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("ema", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ema: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ema",
    summary: "Exponential moving average, seeded by a simple one.",
    formula: "ema += 2 / (period + 1) × (x - ema), from the mean of the first period values",
    source: "TA-Lib 0.8 EMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    warm_up: window_first,
    memory: settle_exponential_first,
    ..KERNEL.definition()
};

state! { Ema<L> { average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Ema<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            average: Smoothing::exponential(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.average.next(x).or_absent()]
    }
}

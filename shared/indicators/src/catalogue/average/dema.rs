//! Double exponential moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("dema", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.833)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Dema: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "dema",
    summary: "Double exponential moving average.",
    formula: "2 × ema(x) - ema(ema(x))",
    source: "Mulloy 1994, TA-Lib 0.8 DEMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    warm_up: |p| 2 * window_first(p),
    memory: |p| 2 * settle_exponential_first(p),
    ..KERNEL.definition()
};

state! { Dema<L> { once: Smoothing<L>, twice: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Dema<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let average = Smoothing::exponential(parameters.bars(0));
        Self {
            once: average.clone(),
            twice: average,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let once = self.once.next(x);
        let twice = once.and_then(|once| self.twice.next(once));
        [once
            .zip(twice)
            .map(|(once, twice)| once + once - twice)
            .or_absent()]
    }
}

//! Dorsey's mass index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("massi", &[2.0, 3.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(3.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Massi: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "massi",
    summary: "Dorsey's mass index.",
    formula: "sum(ema(high - low, fast) / ema(ema(high - low, fast), fast), slow); the ratio is 1 without range",
    source: "Dorsey 1992, TA-Lib 0.8 MASSI",
    parameters: &[Parameter::bars("fast", 1, 9), Parameter::bars("slow", 1, 25)],
    cost: AMORTISED,
    warm_up: |p| 2 * (p.length(0) - 1) + p.length(1) - 1,
    memory: |p| 2 * settle_exponential_first(p),
    ..KERNEL.definition()
};

state! { Massi<L> { once: Smoothing<L>, twice: Smoothing<L>, window: Sum<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Massi<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        let average = Smoothing::exponential(p.bars(0));
        Self {
            once: average.clone(),
            twice: average,
            window: Sum::new(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        let value = self.once.next(high - low).and_then(|once| {
            let twice = self.twice.next(once)?;
            let ratio = once.zip(twice, |once, twice| if twice == 0.0 { 1.0 } else { once / twice });
            Some(self.window.push(ratio)?.sum())
        });
        [value.or_absent()]
    }
}

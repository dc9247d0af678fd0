//! Awesome oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("ao", &[2.0, 3.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.083)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ao: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ao",
    summary: "Awesome oscillator.",
    formula: "sma(hl2, fast) - sma(hl2, slow)",
    source: "Williams, TA-Lib 0.8 AO",
    parameters: &[Parameter::bars("fast", 1, 5), Parameter::bars("slow", 2, 34)],
    cost: AMORTISED,
    warm_up: |p| p.length(1) - 1,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Ao<L> { fast: Sum<L>, slow: Sum<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Ao<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            fast: Sum::new(p.bars(0)),
            slow: Sum::new(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        let middle = (high + low).scale(0.5);
        let fast = self.fast.push(middle);
        let slow = self.slow.push(middle);
        [fast
            .zip(slow)
            .map(|(fast, slow)| fast.mean() - slow.mean())
            .or_absent()]
    }
}

//! Detrended price oscillator, looking back only.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("dpo", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(-0.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Dpo: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "dpo",
    summary: "Detrended price oscillator, looking back only.",
    formula: "x[period / 2 + 1] - sma(x, period)",
    source: "TA-Lib 0.8 DPO (pandas_ta's default looks ahead)",
    parameters: &[Parameter::bars("period", 2, 20)],
    cost: AMORTISED,
    warm_up: |p| window_first(p).max(p.length(0) / 2 + 1),
    ..KERNEL.definition()
};

state! { Dpo<L> { old: Lag<L>, window: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Dpo<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            old: Lag::new(p.bars(0) / 2 + 1),
            window: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let old = self.old.push(x);
        let mean = self.window.push(x).map(|window| window.mean());
        [old.zip(mean).map(|(old, mean)| old - mean).or_absent()]
    }
}

//! Ergodic indicator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0, 13.5];
//! let row = compute("smi", &[2.0, 3.0, 4.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.453), Some(0.390), Some(0.063)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Smi: 1 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "smi",
    summary: "Ergodic indicator: a true strength index with a signal.",
    formula: "smi = tsi(x, slow, fast) / 100, signal = ema(smi, signal), oscillator = smi - signal",
    source: "Blau, pandas-ta-classic smi",
    outputs: &["smi", "signal", "oscillator"],
    parameters: &[
        Parameter::bars("fast", 1, 5),
        Parameter::bars("slow", 1, 20),
        Parameter::bars("signal", 1, 5),
    ],
    warm_up: |p| p.length(0) + p.length(1) + p.length(2) - 2,
    memory: |p| settle_exponential(p.bars(0)) + settle_exponential(p.bars(1)) + settle_exponential(p.bars(2)),
    ..KERNEL.definition()
};

state! { Smi<L> { strength: Strength<L>, signal: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 3> for Smi<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            strength: Strength::new(p.bars(1), p.bars(0)),
            signal: Smoothing::exponential(p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 3] {
        let value = self.strength.next(x);
        let signal = value.and_then(|value| self.signal.next(value));
        [
            value,
            signal,
            value.zip(signal).map(|(value, signal)| value - signal),
        ]
        .map(OrAbsent::or_absent)
    }
}

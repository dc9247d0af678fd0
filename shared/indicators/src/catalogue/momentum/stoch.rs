//! Slow stochastic oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0, 13.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5, 11.0, 10.5];
//! let row = compute("stoch", &[2.0, 3.0, 4.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(58.333), Some(60.417)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Stoch: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stoch",
    summary: "Slow stochastic oscillator.",
    formula: "k = sma(100 × (close - lowest) / (highest - lowest), slowk), d = sma(k, d); 0 in a flat window",
    source: "Lane, TA-Lib 0.8 STOCH",
    outputs: &["k", "d"],
    parameters: &[
        Parameter::bars("k", 1, 5),
        Parameter::bars("slowk", 1, 3),
        Parameter::bars("d", 1, 3),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(1) + p.length(2) - 3,
    ..KERNEL.definition()
};

state! { Stoch<L> { raw: Stochastic<L>, slow: Sum<L>, signal: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Stoch<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            raw: Stochastic::new(p.bars(0)),
            slow: Sum::new(p.bars(1)),
            signal: Sum::new(p.bars(2)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(parameters)
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        let raw = self.raw.next(high, low, close);
        let k = raw.and_then(|raw| self.slow.push(raw)).map(|slow| slow.mean());
        match k.and_then(|k| Some((k, self.signal.push(k)?.mean()))) {
            Some((k, d)) => [k, d],
            None => [L::absent(); 2],
        }
    }
}

//! Fast stochastic oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0];
//! let row = compute("stochf", &[2.0, 3.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(50.000), Some(58.333)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Stochf: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stochf",
    summary: "Fast stochastic oscillator.",
    formula: "k = 100 × (close - lowest) / (highest - lowest), d = sma(k, d); 0 in a flat window",
    source: "Lane, TA-Lib 0.8 STOCHF",
    outputs: &["k", "d"],
    parameters: &[Parameter::bars("k", 1, 5), Parameter::bars("d", 1, 3)],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(1) - 2,
    ..KERNEL.definition()
};

state! { Stochf<L> { raw: Stochastic<L>, signal: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Stochf<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            raw: Stochastic::new(p.bars(0)),
            signal: Sum::new(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        match self
            .raw
            .next(high, low, close)
            .and_then(|k| Some((k, self.signal.push(k)?.mean())))
        {
            Some((k, d)) => [k, d],
            None => [L::absent(); 2],
        }
    }
}

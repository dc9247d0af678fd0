//! Fast stochastic oscillator of the relative strength index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0, 13.5];
//! let row = compute("stochrsi", &[2.0, 3.0, 4.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(100.000), Some(47.804)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use super::rsi::Rsi;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Stochrsi: 1 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stochrsi",
    summary: "Fast stochastic oscillator of the relative strength index.",
    formula: "stochf(rsi(x, rsi), k, d)",
    source: "Chande and Kroll, TA-Lib 0.8 STOCHRSI",
    outputs: &["k", "d"],
    parameters: &[
        Parameter::bars("rsi", 2, 14),
        Parameter::bars("k", 1, 5),
        Parameter::bars("d", 1, 3),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(1) + p.length(2) - 2,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Stochrsi<L> { rsi: Rsi<L>, warm: Late, raw: Stochastic<L>, signal: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 2> for Stochrsi<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            rsi: Rsi::new(p),
            warm: Late::by(p.bars(0)),
            raw: Stochastic::new(p.bars(1)),
            signal: Sum::new(p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 2] {
        let [rsi] = self.rsi.step([x]);
        if !self.warm.pass() {
            return [L::absent(); 2];
        }
        match self
            .raw
            .next(rsi, rsi, rsi)
            .and_then(|k| Some((k, self.signal.push(k)?.mean())))
        {
            Some((k, d)) => [k, d],
            None => [L::absent(); 2],
        }
    }
}

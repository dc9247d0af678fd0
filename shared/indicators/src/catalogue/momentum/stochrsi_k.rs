//! Slow stochastic oscillator of the relative strength index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..13).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("stochrsi_k", &[2.0, 3.0, 4.0, 5.0], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(50.000), Some(35.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use super::rsi::Rsi;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes StochrsiK: 1 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stochrsi_k",
    summary: "Slow stochastic oscillator of the relative strength index.",
    formula: "stoch(rsi(x, rsi), period, smooth, d)",
    source: "pandas-ta-classic stochrsi",
    outputs: &["k", "d"],
    parameters: &[
        Parameter::bars("period", 1, 14),
        Parameter::bars("rsi", 2, 14),
        Parameter::bars("smooth", 1, 3),
        Parameter::bars("d", 1, 3),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(1) + p.length(2) + p.length(3) - 3,
    memory: |p| settle_wilder(p.bars(1)),
    ..KERNEL.definition()
};

state! { StochrsiK<L> { rsi: Rsi<L>, warm: Late, raw: Stochastic<L>, slow: Sum<L>, signal: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 2> for StochrsiK<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            rsi: Rsi::new(&p[1..]),
            warm: Late::by(p.bars(1)),
            raw: Stochastic::new(p.bars(0)),
            slow: Sum::new(p.bars(2)),
            signal: Sum::new(p.bars(3)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 2] {
        let [rsi] = self.rsi.step([x]);
        if !self.warm.pass() {
            return [L::absent(); 2];
        }
        let k = self
            .raw
            .next(rsi, rsi, rsi)
            .and_then(|raw| self.slow.push(raw))
            .map(|slow| slow.mean());
        let d = k.and_then(|k| self.signal.push(k)).map(|d| d.mean());
        [k.or_absent(), d.or_absent()]
    }
}

//! Moving average convergence and divergence.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5];
//! let row = compute("macd", &[2.0, 3.0, 4.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.159), Some(0.222), Some(-0.063)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Macd: 1 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "macd",
    summary: "Moving average convergence and divergence.",
    formula: "macd = ema(x, fast) - ema(x, slow), signal = ema(macd, signal), hist = macd - signal; the fast average begins slow - fast bars late",
    source: "Appel, TA-Lib 0.8 MACD",
    outputs: &["macd", "signal", "hist"],
    parameters: &[
        Parameter::bars("fast", 1, 12),
        Parameter::bars("slow", 2, 26),
        Parameter::bars("signal", 1, 9),
    ],
    warm_up: |p| p.length(1) + p.length(2) - 2,
    memory: |p| settle_exponential(p.bars(1)) + settle_exponential(p.bars(2)),
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Macd<L> { difference: Difference<L>, signal: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 3> for Macd<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            difference: Difference::new(p.bars(0), p.bars(1)),
            signal: Smoothing::exponential(p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 3] {
        let macd = self.difference.next(x);
        match macd.and_then(|macd| Some((macd, self.signal.next(macd)?))) {
            Some((macd, signal)) => [macd, signal, macd - signal],
            None => [L::absent(); 3],
        }
    }
}

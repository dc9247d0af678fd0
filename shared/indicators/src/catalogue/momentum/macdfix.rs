//! MACD with the fixed weights 0.15 and 0.075.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..28).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("macdfix", &[2.0], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.104), Some(-0.178), Some(0.283)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Macdfix: 1 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "macdfix",
    summary: "MACD with the fixed weights 0.15 and 0.075.",
    formula: "as macd(12, 26, signal), with weights 0.15 and 0.075 for 2 / 13 and 2 / 27",
    source: "TA-Lib 0.8 MACDFIX",
    outputs: &["macd", "signal", "hist"],
    parameters: &[Parameter::bars("signal", 1, 9)],
    warm_up: |p| 24 + p.length(0),
    memory: |p| 300 + settle_exponential(p.bars(0)),
    ..KERNEL.definition()
};

state! { Macdfix<L> { difference: Difference<L>, signal: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 3> for Macdfix<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            difference: Difference::of(14, Smoothing::new(12.0, 0.85), Smoothing::new(26.0, 0.925)),
            signal: Smoothing::exponential(p.bars(0)),
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

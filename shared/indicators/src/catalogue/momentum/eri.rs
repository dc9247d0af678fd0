//! Elder's bull and bear power.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("eri", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.500), Some(-1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Eri: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "eri",
    summary: "Elder's bull and bear power.",
    formula: "bull = high - ema(close, period), bear = low - ema(close, period)",
    source: "Elder 1993, TA-Lib 0.8 ERI",
    outputs: &["bull", "bear"],
    parameters: &[Parameter::bars("period", 1, 13)],
    warm_up: window_first,
    memory: settle_exponential_first,
    ..KERNEL.definition()
};

state! { Eri<L> { average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Eri<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            average: Smoothing::exponential(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        match self.average.next(close) {
            Some(average) => [high - average, low - average],
            None => [L::absent(); 2],
        }
    }
}

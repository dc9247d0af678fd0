//! Chaikin's oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("adosc", &[2.0, 3.0], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(8.852)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Adosc: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "adosc",
    summary: "Chaikin's oscillator.",
    formula: "ema(ad, fast) - ema(ad, slow), both from the first value of ad",
    source: "Chaikin, TA-Lib 0.8 ADOSC",
    parameters: &[Parameter::bars("fast", 2, 3), Parameter::bars("slow", 2, 10)],
    warm_up: |p| p.length(0).max(p.length(1)) - 1,
    memory: |p| settle_exponential(p.bars(0).max(p.bars(1))),
    ..KERNEL.definition()
};

state! { Adosc<L> { late: Late, line: L, fast: Smoothing<L>, slow: Smoothing<L> } }

impl<L: Lane> Kernel<L, 4, 1> for Adosc<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(p: &[f64]) -> Self {
        Self {
            late: Late::by(p.bars(0).max(p.bars(1)) - 1),
            line: L::zero(),
            fast: Smoothing::unseeded(p.bars(0)),
            slow: Smoothing::unseeded(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 1] {
        self.line = self.line + money_flow(high, low, close, volume);
        let averages = self.fast.next(self.line).zip(self.slow.next(self.line));
        if !self.late.pass() {
            return [L::absent()];
        }
        [averages.map(|(fast, slow)| fast - slow).or_absent()]
    }
}

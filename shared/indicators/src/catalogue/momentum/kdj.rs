//! KDJ.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0, 13.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5, 11.0, 10.5];
//! let row = compute("kdj", &[2.0, 3.0, 4.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(56.761), Some(61.280), Some(47.722)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Kdj: 3 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "kdj",
    summary: "KDJ: a stochastic oscillator with Wilder's averages.",
    formula: "k = rma(raw, slowk), d = rma(k, d), j = 3 k - 2 d, raw as in stochf",
    source: "TA-Lib 0.8 KDJ",
    outputs: &["k", "d", "j"],
    parameters: &[
        Parameter::bars("k", 1, 9),
        Parameter::bars("slowk", 1, 3),
        Parameter::bars("d", 1, 3),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(1) + p.length(2) - 3,
    memory: |p| settle_wilder(p.bars(1)) + settle_wilder(p.bars(2)),
    ..KERNEL.definition()
};

state! { Kdj<L> { raw: Stochastic<L>, slow: Smoothing<L>, signal: Smoothing<L> } }

impl<L: Lane> Kernel<L, 3, 3> for Kdj<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            raw: Stochastic::new(p.bars(0)),
            slow: Smoothing::wilder(p.bars(1)),
            signal: Smoothing::wilder(p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 3] {
        let k = self
            .raw
            .next(high, low, close)
            .and_then(|raw| self.slow.next(raw));
        match k.and_then(|k| Some((k, self.signal.next(k)?))) {
            Some((k, d)) => [k, d, k.scale(3.0) - d.scale(2.0)],
            None => [L::absent(); 3],
        }
    }
}

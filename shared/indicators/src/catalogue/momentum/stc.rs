//! Schaff's trend cycle.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let row = compute("stc", &[2.0, 3.0, 4.0, 0.5], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.000), Some(0.250), Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Stc: 1 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stc",
    summary: "Schaff's trend cycle.",
    formula: "macd = ema(x, fast) - ema(x, slow); stoch and stc are stochastics over cycle bars, of macd and of stoch, smoothed by factor and rounded to 8 decimals; from 0",
    source: "Schaff 1999, pandas-ta-classic stc",
    outputs: &["stc", "macd", "stoch"],
    parameters: &[
        Parameter::bars("cycle", 1, 10),
        Parameter::bars("fast", 1, 12),
        Parameter::bars("slow", 2, 26),
        Parameter::real("factor", 0.01, 1.0, 0.5),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(2) - 1,
    memory: |p| settle_exponential(p.bars(2)) + 4 * p.length(0) + 100,
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Stc<L> { factor: f64; difference: Difference<L>, first: Range<L>, second: Range<L>, raw: [L; 2], smooth: [L; 2] } }

impl<L: Lane> Kernel<L, 1, 3> for Stc<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            factor: p[3],
            difference: Difference::plain(p.bars(1), p.bars(2)),
            first: Range::new(p.bars(0)),
            second: Range::new(p.bars(0)),
            raw: [L::zero(); 2],
            smooth: [L::zero(); 2],
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 3] {
        let Some(macd) = self.difference.next(x) else {
            return [L::absent(); 3];
        };
        let range = self.first.next(macd, macd);
        let [raw, second] = &mut self.raw;
        let [stoch, cycle] = &mut self.smooth;
        if let Some((highest, lowest)) = range {
            *raw = raw.zip4(macd, highest, lowest, |raw, macd, highest, lowest| {
                if lowest > 0.0 {
                    100.0 * (macd - lowest)
                        / if highest > lowest {
                            highest - lowest
                        } else {
                            f64::EPSILON
                        }
                } else {
                    raw
                }
            });
        }
        *stoch = (*stoch + (*raw - *stoch).scale(self.factor)).map(rounded);
        if let Some((highest, lowest)) = self.second.next(*stoch, *stoch) {
            *second = stoch.zip3(highest, lowest, |stoch, highest, lowest| {
                if highest > lowest {
                    100.0 * (stoch - lowest) / (highest - lowest)
                } else {
                    0.0
                }
            });
        }
        *cycle = (*cycle + (*second - *cycle).scale(self.factor)).map(rounded);
        [*cycle, macd, *stoch]
    }
}

/// To 8 decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e8).round_ties_even() / 1e8
}

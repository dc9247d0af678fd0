//! Commodity channel index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("cci", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(66.667)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Cci: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cci",
    summary: "Commodity channel index.",
    formula: "(tp - sma(tp)) / (0.015 × mean |tp - sma(tp)|), tp = hlc3; 0 in a flat window",
    source: "Lambert 1980, TA-Lib 0.8 CCI",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: "O(period)",
    warm_up: window_first,
    // Version 2 kept means of the three prices.
    state_version: 3,
    ..KERNEL.definition()
};

state! { Cci<L> { share: f64; sum: Sum<L>, window: Recent<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Cci<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            share: 1.0 / p[0],
            sum: Sum::new(p.bars(0)),
            window: Recent::new(p.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        // Thrice the typical price: the ratio is the same.
        let price = high + low + close;
        let sum = self.sum.push(price);
        let Some((sum, window)) = sum.zip(self.window.push(price)) else {
            return [L::absent()];
        };
        let mean = sum.mean();
        let deviation = window
            .unordered()
            .fold(L::zero(), |sum, value| sum + (*value - mean).abs())
            .scale(self.share);
        let distance = price - mean;
        let noise = mean.abs().scale(1e-14);
        let ratio = distance / deviation.scale(0.015);
        [ratio.zip4(
            distance.abs(),
            deviation,
            noise,
            |ratio, distance, deviation, noise| {
                if (distance <= noise) | (deviation <= noise) {
                    0.0
                } else {
                    ratio
                }
            },
        )]
    }
}

//! Klinger's volume oscillator, of signed volume.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0, 13.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5, 11.0];
//! let volume = &[100.0, 110.0, 105.0, 120.0, 115.0, 130.0, 125.0];
//! let row = compute("kvo", &[2.0, 3.0, 4.0], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(-25.745), Some(-25.482)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Kvo: 4 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "kvo",
    summary: "Klinger's volume oscillator, of signed volume.",
    formula: "kvo = ema(v, fast) - ema(v, slow), signal = ema(kvo, signal), v = volume with the sign of hlc3's change, + at the first bar",
    source: "Klinger, pandas-ta-classic kvo",
    outputs: &["kvo", "signal"],
    parameters: &[
        Parameter::bars("fast", 1, 34),
        Parameter::bars("slow", 2, 55),
        Parameter::bars("signal", 1, 13),
    ],
    warm_up: |p| p.length(1) + p.length(2) - 2,
    memory: |p| settle_exponential(p.bars(1)) + settle_exponential(p.bars(2)),
    ordered: &["fast", "slow"],
    ..KERNEL.definition()
};

state! { Kvo<L> { price: Previous<L>, difference: Difference<L>, signal: Smoothing<L> } }

impl<L: Lane> Kernel<L, 4, 2> for Kvo<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(p: &[f64]) -> Self {
        Self {
            price: Previous::new(),
            difference: Difference::plain(p.bars(0), p.bars(1)),
            signal: Smoothing::exponential(p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 2] {
        let price = (high + low + close) / L::splat(3.0);
        let signed = match self.price.push(price) {
            Some(before) => price.zip3(before, volume, |price, before, volume| {
                if price > before {
                    volume
                } else if price < before {
                    -volume
                } else {
                    0.0
                }
            }),
            None => volume,
        };
        let value = self.difference.next(signed);
        let signal = value.and_then(|value| self.signal.next(value));
        [value.or_absent(), signal.or_absent()]
    }
}

//! Parkinson's volatility of highs and lows, a bar.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("parkinson", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.138)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Parkinson: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "parkinson",
    summary: "Parkinson's volatility of highs and lows, a bar.",
    formula: "√(sum(ln(high / low)², period) / (4 ln 2 × period))",
    source: "Parkinson 1980",
    parameters: &[Parameter::bars("period", 1, 20)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Parkinson<L> { window: Sum<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Parkinson<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        let range = high.zip(low, log_ratio);
        [self
            .window
            .push(range * range)
            .map(|window| {
                window
                    .mean()
                    .positive()
                    .scale(0.25 / std::f64::consts::LN_2)
                    .sqrt()
            })
            .or_absent()]
    }
}

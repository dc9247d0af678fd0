//! Triangular moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("trima", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Trima: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "trima",
    summary: "Triangular moving average: weights rise to the middle and fall.",
    formula: "sma(sma(x, (period + 1) / 2), period / 2 + 1), divisions rounded down",
    source: "TA-Lib 0.8 TRIMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Trima<L> { first: Sum<L>, second: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Trima<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let period = parameters.bars(0);
        Self {
            first: Sum::new(period.div_ceil(2)),
            second: Sum::new(period / 2 + 1),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let value = self.first.push(x).and_then(|first| {
            let second = self.second.push(first.mean())?;
            Some(second.mean())
        });
        [value.or_absent()]
    }
}

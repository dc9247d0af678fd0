//! Linearly weighted moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("wma", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Wma: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "wma",
    summary: "Moving average weighted 1, 2, 3 … from the oldest value.",
    formula: "sum(i × x[i], i = 1 … period) / (period × (period + 1) / 2)",
    source: "TA-Lib 0.8 WMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Wma<L> { window: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Wma<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            window: Linear::new(parameters.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .window
            .push(x)
            .map(|window| window.weighted_mean())
            .or_absent()]
    }
}

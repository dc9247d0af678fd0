//! Simple moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("sma", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Sma: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "sma",
    aliases: &["ma"],
    summary: "Simple moving average.",
    formula: "sum(x, period) / period",
    source: "TA-Lib 0.8 SMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Sma<L> { window: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Sma<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            window: Sum::new(parameters.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.window.push(x).map(|window| window.mean()).or_absent()]
    }
}

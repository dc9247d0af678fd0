//! Wilder's moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("rma", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rma: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rma",
    aliases: &["smma", "wilder"],
    summary: "Wilder's moving average, seeded by a simple one.",
    formula: "rma += 1 / period × (x - rma), from the mean of the first period values",
    source: "Wilder 1978, TA-Lib 0.8 RMA",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: window_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Rma<L> { average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Rma<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            average: Smoothing::wilder(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.average.next(x).or_absent()]
    }
}

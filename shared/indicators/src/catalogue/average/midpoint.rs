//! Middle of the range of a series.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("midpoint", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Midpoint: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "midpoint",
    summary: "Middle between the highest and the lowest value.",
    formula: "(max(x, period) + min(x, period)) / 2",
    source: "TA-Lib 0.8 MIDPOINT",
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Midpoint<L> { range: Range<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Midpoint<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            range: Range::new(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .range
            .next(x, x)
            .map(|(high, low)| (high + low).scale(0.5))
            .or_absent()]
    }
}

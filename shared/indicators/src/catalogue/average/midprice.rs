//! Middle of the range of prices.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("midprice", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Midprice: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "midprice",
    summary: "Middle between the highest high and the lowest low.",
    formula: "(max(high, period) + min(low, period)) / 2",
    source: "TA-Lib 0.8 MIDPRICE",
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Midprice<L> { range: Range<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Midprice<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(parameters: &[f64]) -> Self {
        Self {
            range: Range::new(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        [self
            .range
            .next(high, low)
            .map(|(high, low)| (high + low).scale(0.5))
            .or_absent()]
    }
}

//! Williams' %R.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("willr", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(-25.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Willr: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "willr",
    summary: "Williams' %R.",
    formula: "-100 × (highest - close) / (highest - lowest); 0 in a flat window",
    source: "Williams, TA-Lib 0.8 WILLR",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Willr<L> { range: Range<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Willr<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            range: Range::new(p.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self
            .range
            .next(high, low)
            .map(|(highest, lowest)| (close - highest).over(highest - lowest).scale(100.0))
            .or_absent()]
    }
}

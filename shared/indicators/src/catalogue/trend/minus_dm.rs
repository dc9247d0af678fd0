//! Negative directional movement.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("minus_dm", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes MinusDm: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "minus_dm",
    summary: "Negative directional movement.",
    formula: "sum by Wilder of low[1] - low where that is positive and exceeds high - high[1]",
    source: "Wilder 1978, TA-Lib 0.8 MINUS_DM",
    parameters: &[Parameter::bars("period", 1, 14)],
    warm_up: |p| window_first(p).max(1),
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { MinusDm<L> { sum: Directed<L> } }

impl<L: Lane> Kernel<L, 2, 1> for MinusDm<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            sum: Directed::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        [self.sum.next(high, low, |(_, minus)| minus).or_absent()]
    }
}

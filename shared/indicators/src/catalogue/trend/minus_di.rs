//! Negative directional indicator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("minus_di", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(5.714)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes MinusDi: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "minus_di",
    summary: "Negative directional indicator.",
    formula: "100 × -dm / sum of true ranges, both summed by Wilder; 0 without range",
    source: "Wilder 1978, TA-Lib 0.8 MINUS_DI",
    parameters: &[Parameter::bars("period", 1, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { MinusDi<L> { movement: Movement<L> } }

impl<L: Lane> Kernel<L, 3, 1> for MinusDi<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            movement: Movement::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self
            .movement
            .next(high, low, close)
            .map(|[_, minus, range]| minus.over(range).scale(100.0))
            .or_absent()]
    }
}

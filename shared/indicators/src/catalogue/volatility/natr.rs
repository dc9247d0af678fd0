//! Average true range in percent of the close.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("natr", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(20.833)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Natr: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "natr",
    summary: "Average true range in percent of the close.",
    formula: "100 × atr(period) / close",
    source: "TA-Lib 0.8 NATR",
    parameters: &[Parameter::bars("period", 1, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Natr<L> { range: AverageRange<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Natr<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            range: AverageRange::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self
            .range
            .next(high, low, close)
            .map(|range| range.over(close).scale(100.0))
            .or_absent()]
    }
}

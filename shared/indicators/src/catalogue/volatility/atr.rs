//! Average true range.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("atr", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(2.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Atr: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "atr",
    summary: "Average true range.",
    formula: "rma(trange, period)",
    source: "Wilder 1978, TA-Lib 0.8 ATR",
    parameters: &[Parameter::bars("period", 1, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Atr<L> { range: AverageRange<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Atr<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            range: AverageRange::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self.range.next(high, low, close).or_absent()]
    }
}

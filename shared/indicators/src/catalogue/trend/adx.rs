//! Average directional movement index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0];
//! let row = compute("adx", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(27.083)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Adx: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "adx",
    summary: "Average directional movement index.",
    formula: "dx averaged by Wilder over period, seeded by a plain mean; a bar without movement does not count",
    source: "Wilder 1978, TA-Lib 0.8 ADX",
    parameters: &[Parameter::bars("period", 2, 14)],
    warm_up: |p| 2 * p.length(0) - 1,
    memory: |p| 2 * settle_wilder_first(p),
    ..KERNEL.definition()
};

state! { Adx<L> { strength: TrendStrength<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Adx<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            strength: TrendStrength::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self.strength.next(high, low, close).or_absent()]
    }
}

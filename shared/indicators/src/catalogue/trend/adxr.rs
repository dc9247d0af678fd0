//! Average directional movement rating.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("adxr", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(38.368)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Adxr: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "adxr",
    summary: "Average directional movement rating.",
    formula: "(adx + adx[period - 1]) / 2",
    source: "Wilder 1978, TA-Lib 0.8 ADXR",
    parameters: &[Parameter::bars("period", 2, 14)],
    warm_up: |p| 3 * p.length(0) - 2,
    memory: |p| 2 * settle_wilder_first(p),
    ..KERNEL.definition()
};

state! { Adxr<L> { strength: TrendStrength<L>, old: Lag<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Adxr<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            strength: TrendStrength::new(p.bars(0)),
            old: Lag::new(p.bars(0) - 1),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        let value = self.strength.next(high, low, close).and_then(|adx| {
            let old = self.old.push(adx)?;
            Some((adx + old).scale(0.5))
        });
        [value.or_absent()]
    }
}

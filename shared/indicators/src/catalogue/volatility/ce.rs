//! Chandelier exit.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("ce", &[2.0, 3.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(5.500), Some(16.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ce: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ce",
    summary: "Chandelier exit.",
    formula: "long = max(high, period) - factor × atr(period), short = min(low, period) + factor × atr(period)",
    source: "LeBeau, pandas-ta-classic ce",
    outputs: &["long", "short"],
    parameters: &[
        Parameter::bars("period", 1, 22),
        Parameter::real("factor", 0.0, 100.0, 3.0),
    ],
    cost: AMORTISED,
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Ce<L> { factor: f64; extremes: Range<L>, range: AverageRange<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Ce<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            factor: p[1],
            extremes: Range::new(p.bars(0)),
            range: AverageRange::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        let extremes = self.extremes.next(high, low);
        match extremes.zip(self.range.next(high, low, close)) {
            Some(((highest, lowest), range)) => [
                highest - range.scale(self.factor),
                lowest + range.scale(self.factor),
            ],
            None => [L::absent(); 2],
        }
    }
}

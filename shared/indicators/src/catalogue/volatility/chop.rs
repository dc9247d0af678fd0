//! Dreiss' choppiness index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("chop", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(32.193)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Chop: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "chop",
    summary: "Dreiss' choppiness index.",
    formula: "100 × log10(sum(trange, period) / (highest - lowest)) / log10(period); absent in a flat window",
    source: "Dreiss, pandas-ta-classic chop",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Chop<L> { scale: f64; range: TrueRange<L>, sum: Sum<L>, extremes: Range<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Chop<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            scale: 100.0 / p[0].log10(),
            range: TrueRange::new(),
            sum: Sum::new(p.bars(0)),
            extremes: Range::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        let sum = self
            .range
            .next(high, low, close)
            .and_then(|range| self.sum.push(range));
        let extremes = self.extremes.next(high, low);
        [sum.zip(extremes)
            .map(|(sum, (highest, lowest))| {
                sum.sum()
                    .over_or_absent(highest - lowest)
                    .map(f64::log10)
                    .scale(self.scale)
            })
            .or_absent()]
    }
}

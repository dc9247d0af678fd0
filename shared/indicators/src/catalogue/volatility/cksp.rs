//! Chande and Kroll's stop.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0, 13.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5, 11.0];
//! let row = compute("cksp", &[2.0, 1.0, 4.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.500), Some(11.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Cksp: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cksp",
    summary: "Chande and Kroll's stop.",
    formula: "long = max(max(high, range) - factor × atr(range), period), short = min(min(low, range) + factor × atr(range), period)",
    source: "Chande and Kroll 1994, pandas-ta-classic cksp",
    outputs: &["long", "short"],
    parameters: &[
        Parameter::bars("range", 1, 10),
        Parameter::real("factor", 0.0, 100.0, 1.0),
        Parameter::bars("period", 1, 9),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + p.length(2) - 1,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Cksp<L> { factor: f64; extremes: Range<L>, range: AverageRange<L>, stops: Range<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Cksp<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            factor: p[1],
            extremes: Range::new(p.bars(0)),
            range: AverageRange::new(p.bars(0)),
            stops: Range::new(p.bars(2)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        let extremes = self.extremes.next(high, low);
        let stops = extremes
            .zip(self.range.next(high, low, close))
            .and_then(|((highest, lowest), range)| {
                let range = range.scale(self.factor);
                self.stops.next(highest - range, lowest + range)
            });
        match stops {
            Some((long, short)) => [long, short],
            None => [L::absent(); 2],
        }
    }
}

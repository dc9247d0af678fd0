//! Vertical horizontal filter.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("vhf", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Vhf: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "vhf",
    summary: "Vertical horizontal filter.",
    formula: "(highest - lowest) / sum(|change|), over period; 0 when nothing moved",
    source: "White 1991, pandas-ta-classic vhf",
    parameters: &[Parameter::bars("period", 1, 28)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Vhf<L> { range: Range<L>, previous: Previous<L>, way: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Vhf<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            range: Range::new(p.bars(0)),
            previous: Previous::new(),
            way: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let range = self.range.next(x, x);
        let way = self
            .previous
            .push(x)
            .and_then(|previous| self.way.push((x - previous).abs()));
        [range
            .zip(way)
            .map(|((highest, lowest), way)| (highest - lowest).over(way.sum()))
            .or_absent()]
    }
}

//! Kaufman's efficiency ratio.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("er", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Er: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "er",
    summary: "Kaufman's efficiency ratio.",
    formula: "|x - x[period]| / sum(|change|, period), at most 1; 1 when nothing moved",
    source: "Kaufman 1995, TA-Lib 0.8 ER",
    parameters: &[Parameter::bars("period", 2, 10)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Er<L> { efficiency: Efficiency<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Er<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            efficiency: Efficiency::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.efficiency.next(x).or_absent()]
    }
}

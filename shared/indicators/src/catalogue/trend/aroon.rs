//! Aroon.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("aroon", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(100.000), Some(50.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Aroon: 2 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "aroon",
    summary: "Aroon: how long ago the highest high and the lowest low were.",
    formula: "up = 100 × (period - bars since the highest of period + 1) / period, down likewise; the newer of equals",
    source: "Chande 1995, TA-Lib 0.8 AROON",
    outputs: &["up", "down"],
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: "O(period)",
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Aroon<L> { ages: Ages<L> } }

impl<L: Lane> Kernel<L, 2, 2> for Aroon<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            ages: Ages::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 2] {
        match self.ages.next(high, low) {
            Some((up, down)) => [up, down],
            None => [L::absent(); 2],
        }
    }
}

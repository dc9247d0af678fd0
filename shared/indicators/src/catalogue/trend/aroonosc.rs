//! Aroon oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("aroonosc", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(50.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Aroonosc: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "aroonosc",
    summary: "Aroon oscillator.",
    formula: "aroon up - aroon down",
    source: "Chande 1995, TA-Lib 0.8 AROONOSC",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: "O(period)",
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Aroonosc<L> { ages: Ages<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Aroonosc<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            ages: Ages::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        [self.ages.next(high, low).map(|(up, down)| up - down).or_absent()]
    }
}

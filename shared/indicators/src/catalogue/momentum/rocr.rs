//! Rate of change, as a ratio.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("rocr", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.091)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rocr: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rocr",
    summary: "Rate of change, as a ratio.",
    formula: "x / x[period]; 0 from 0",
    source: "TA-Lib 0.8 ROCR",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Rocr<L> { old: Lag<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Rocr<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            old: Lag::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.old.push(x).map(|old| x.over(old)).or_absent()]
    }
}

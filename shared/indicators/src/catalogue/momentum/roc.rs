//! Rate of change, in percent.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("roc", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(9.091)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Roc: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "roc",
    summary: "Rate of change, in percent.",
    formula: "100 × (x / x[period] - 1); 0 from 0",
    source: "TA-Lib 0.8 ROC",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Roc<L> { old: Lag<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Roc<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            old: Lag::new(p.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .old
            .push(x)
            .map(|old| (x - old).over(old).scale(100.0))
            .or_absent()]
    }
}

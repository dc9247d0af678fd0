//! Momentum.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("mom", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Mom: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "mom",
    summary: "Momentum: the change over a period.",
    formula: "x - x[period]",
    source: "TA-Lib 0.8 MOM",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Mom<L> { old: Lag<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Mom<L> {
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
        [self.old.push(x).map(|old| x - old).or_absent()]
    }
}

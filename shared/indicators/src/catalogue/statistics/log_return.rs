//! Logarithm of the return.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("log_return", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.087)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes LogReturn: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "log_return",
    summary: "Logarithm of the return.",
    formula: "ln(x / x[period]); absent unless both are positive",
    source: "pandas-ta-classic log_return",
    parameters: &[Parameter::bars("period", 1, 1)],
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { LogReturn<L> { old: Lag<L> } }

impl<L: Lane> Kernel<L, 1, 1> for LogReturn<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            old: Lag::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.old.push(x).map(|old| x.zip(old, log_ratio)).or_absent()]
    }
}

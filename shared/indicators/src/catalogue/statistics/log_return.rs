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

pub(crate) const KERNEL: Builder = kernel!(plain LogReturn: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "log_return",
    summary: "Logarithm of the return.",
    formula: "ln(x / x[period]); absent unless both are positive",
    source: "pandas-ta-classic log_return",
    parameters: &[Parameter::bars("period", 1, 1)],
    warm_up: change_first,
    ..KERNEL.definition()
};

type LogReturn<L> = Told<Lag<L>, Formula>;

pub(crate) struct Formula;

impl Change for Formula {
    #[inline(always)]
    fn of<L: Lane>(x: L, old: L) -> L {
        x.zip(old, log_ratio)
    }
}

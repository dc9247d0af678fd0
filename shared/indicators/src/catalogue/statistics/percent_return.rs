//! Return, as a fraction.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("percent_return", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.091)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain PercentReturn: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "percent_return",
    summary: "Return, as a fraction.",
    formula: "x / x[period] - 1; absent from 0",
    source: "pandas-ta-classic percent_return",
    parameters: &[Parameter::bars("period", 1, 1)],
    warm_up: change_first,
    ..KERNEL.definition()
};

type PercentReturn<L> = Told<Lag<L>, Formula>;

pub(crate) struct Formula;

impl Change for Formula {
    #[inline(always)]
    fn of<L: Lane>(x: L, old: L) -> L {
        (x - old).over_or_absent(old)
    }
}

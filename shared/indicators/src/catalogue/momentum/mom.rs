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

pub(crate) const KERNEL: Builder = kernel!(plain Mom: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "mom",
    summary: "Momentum: the change over a period.",
    formula: "x - x[period]",
    source: "TA-Lib 0.8 MOM",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: change_first,
    ..KERNEL.definition()
};

type Mom<L> = Told<Lag<L>, Formula>;

pub(crate) struct Formula;

impl Change for Formula {
    #[inline(always)]
    fn of<L: Lane>(x: L, old: L) -> L {
        x - old
    }
}

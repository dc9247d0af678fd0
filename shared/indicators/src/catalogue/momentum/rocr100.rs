//! Rate of change, as a ratio times 100.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("rocr100", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(109.091)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Rocr100: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rocr100",
    summary: "Rate of change, as a ratio times 100.",
    formula: "100 × x / x[period]; 0 from 0",
    source: "TA-Lib 0.8 ROCR100",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: change_first,
    ..KERNEL.definition()
};

type Rocr100<L> = Told<Lag<L>, Formula>;

pub(crate) struct Formula;

impl Change for Formula {
    #[inline(always)]
    fn of<L: Lane>(x: L, old: L) -> L {
        x.over(old).scale(100.0)
    }
}

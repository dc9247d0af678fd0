//! Rate of change, as a fraction.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("rocp", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.091)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Rocp: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rocp",
    summary: "Rate of change, as a fraction.",
    formula: "(x - x[period]) / x[period]; 0 from 0",
    source: "TA-Lib 0.8 ROCP",
    parameters: &[Parameter::bars("period", 1, 10)],
    warm_up: change_first,
    ..KERNEL.definition()
};

type Rocp<L> = Told<Lag<L>, Formula>;

pub(crate) struct Formula;

impl Change for Formula {
    #[inline(always)]
    fn of<L: Lane>(x: L, old: L) -> L {
        (x - old).over(old)
    }
}

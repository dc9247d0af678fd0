//! Deviations from the mean.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("zscore", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.707)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Zscore: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "zscore",
    summary: "Deviations from the mean.",
    formula: "(x - mean) / stddev, ddof 1; 0 when flat",
    source: "pandas-ta-classic zscore",
    parameters: &[Parameter::bars("period", 2, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

type Zscore<L> = Told<Spread<L>, Formula>;

pub(crate) struct Formula;

impl Deviation for Formula {
    const DDOF: f64 = 1.0;

    #[inline(always)]
    fn of<L: Lane>(x: L, mean: L, deviation: L) -> L {
        (x - mean).over(deviation)
    }
}

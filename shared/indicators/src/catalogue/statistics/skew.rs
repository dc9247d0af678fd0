//! Skewness of a sample.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("skew", &[3.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.935)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Skew: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "skew",
    summary: "Skewness of a sample.",
    formula: "n √(n - 1) / (n - 2) × m3 / m2^1.5, sums of powers of deviations from the mean; absent when flat",
    source: "pandas-ta-classic skew (adjusted Fisher and Pearson)",
    parameters: &[Parameter::bars("period", 3, 30)],
    cost: "O(period)",
    warm_up: window_first,
    ..KERNEL.definition()
};

type Skew<L> = Told<Moments<L>, Formula>;

pub(crate) struct Formula;

impl Moment for Formula {
    fn of(n: f64, [m2, m3, _]: [f64; 3]) -> f64 {
        n * (n - 1.0).sqrt() / (n - 2.0) * m3 / m2.powf(1.5)
    }
}

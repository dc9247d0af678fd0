//! Excess kurtosis of a sample.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let row = compute("kurtosis", &[4.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(-1.200)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Kurtosis: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "kurtosis",
    summary: "Excess kurtosis of a sample.",
    formula: "n (n + 1) (n - 1) m4 / ((n - 2) (n - 3) m2²) - 3 (n - 1)² / ((n - 2) (n - 3)), sums of powers of deviations from the mean; absent when flat",
    source: "pandas-ta-classic kurtosis",
    parameters: &[Parameter::bars("period", 4, 30)],
    cost: "O(period)",
    warm_up: window_first,
    ..KERNEL.definition()
};

type Kurtosis<L> = Told<Moments<L>, Formula>;

pub(crate) struct Formula;

impl Moment for Formula {
    fn of(n: f64, [m2, _, m4]: [f64; 3]) -> f64 {
        let pairs = (n - 2.0) * (n - 3.0);
        n * (n + 1.0) * (n - 1.0) * m4 / (pairs * m2 * m2) - 3.0 * (n - 1.0) * (n - 1.0) / pairs
    }
}

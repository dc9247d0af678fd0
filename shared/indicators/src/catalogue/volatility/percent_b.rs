//! Place within the Bollinger bands.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("percent_b", &[2.0, 2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain PercentB: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "percent_b",
    aliases: &["bbp"],
    summary: "Place within the Bollinger bands: 0 at the lower, 1 at the upper.",
    formula: "(x - lower) / (upper - lower); absent when flat",
    source: "Bollinger",
    parameters: &[
        Parameter::bars("period", 2, 20),
        Parameter::real("deviations", 0.01, 100.0, 2.0),
    ],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

type PercentB<L> = Told<Spread<L>, Formula>;

pub(crate) struct Formula;

impl Deviation for Formula {
    const DDOF: f64 = 0.0;

    #[inline(always)]
    fn of<L: Lane>(x: L, mean: L, width: L) -> L {
        (x - mean + width).over_or_absent(width + width)
    }
}

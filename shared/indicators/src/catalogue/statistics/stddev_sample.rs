//! Standard deviation of a sample.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("stddev_sample", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.061)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain StddevSample: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "stddev_sample",
    aliases: &["stdev"],
    summary: "Standard deviation of a sample.",
    formula: "√(sum of squared deviations from the mean / (period - 1)), ddof 1",
    source: "pandas-ta-classic stdev",
    parameters: &[Parameter::bars("period", 2, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

type StddevSample<L> = Told<Spread<L>, Formula>;

pub(crate) struct Formula;

impl Deviation for Formula {
    const DDOF: f64 = 1.0;

    #[inline(always)]
    fn of<L: Lane>(_: L, _: L, deviation: L) -> L {
        deviation
    }
}

//! Width of the Bollinger bands, in percent of their middle.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("bandwidth", &[2.0, 2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(26.667)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Bandwidth: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "bandwidth",
    aliases: &["bbw"],
    summary: "Width of the Bollinger bands, in percent of their middle.",
    formula: "100 × (upper - lower) / middle",
    source: "Bollinger, pandas-ta-classic bbands",
    parameters: &[
        Parameter::bars("period", 2, 20),
        Parameter::real("deviations", 0.0, 100.0, 2.0),
    ],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

type Bandwidth<L> = Told<Spread<L>, Formula>;

pub(crate) struct Formula;

impl Deviation for Formula {
    const DDOF: f64 = 0.0;

    #[inline(always)]
    fn of<L: Lane>(_: L, mean: L, width: L) -> L {
        width.scale(200.0).over_or_absent(mean)
    }
}

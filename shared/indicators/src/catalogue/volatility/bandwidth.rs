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

pub(crate) const KERNEL: Builder = kernel!(lanes Bandwidth: 1 -> 1);

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

state! { Bandwidth<L> { spread: Spread<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Bandwidth<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            spread: Spread::new(p.bars(0), p[1]),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .spread
            .next(x)
            .map(|(mean, width)| width.scale(200.0).over_or_absent(mean))
            .or_absent()]
    }
}

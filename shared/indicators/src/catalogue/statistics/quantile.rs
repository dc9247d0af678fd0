//! Quantile, between the two nearest.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("quantile", &[2.0, 0.5], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Quantile: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "quantile",
    summary: "Quantile, between the two nearest.",
    formula: "the sorted window at q × (period - 1), linearly between its neighbours",
    source: "pandas-ta-classic quantile",
    parameters: &[
        Parameter::bars("period", 1, 30),
        Parameter::real("q", 0.0, 1.0, 0.5),
    ],
    cost: "O(log period) to find, O(period) to move",
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Quantile { q: f64; window: Sorted } }

impl Kernel<f64, 1, 1> for Quantile {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            q: p[1],
            window: Sorted::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self
            .window
            .push(x)
            .map(|window| window.quantile(self.q))
            .or_absent()]
    }
}

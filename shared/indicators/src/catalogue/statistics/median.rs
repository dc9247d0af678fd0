//! Median.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("median", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Median: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "median",
    summary: "Median.",
    formula: "the middle of the sorted window, or the mean of the two",
    source: "pandas-ta-classic median",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: "O(log period) to find, O(period) to move",
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Median { window: Sorted } }

impl Kernel<f64, 1, 1> for Median {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Sorted::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.window.push(x).map(|window| window.quantile(0.5)).or_absent()]
    }
}

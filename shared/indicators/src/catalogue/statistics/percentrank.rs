//! Percentage of the values before that are less.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("percentrank", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(100.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Percentrank: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "percentrank",
    summary: "Percentage of the values before that are less.",
    formula: "100 × count(x[1 … period] < x) / period",
    source: "TA-Lib 0.8 PERCENTRANK",
    parameters: &[Parameter::bars("period", 1, 100)],
    cost: "O(log period) to find, O(period) to move",
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Percentrank { share: f64; window: Sorted, full: bool } }

impl Kernel<f64, 1, 1> for Percentrank {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            share: 100.0 / p[0],
            window: Sorted::new(p.bars(0)),
            full: false,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        let value = if self.full {
            self.window.below(x) as f64 * self.share
        } else {
            f64::NAN
        };
        self.full = self.window.push(x).is_some();
        [value]
    }
}

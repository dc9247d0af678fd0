//! Mean absolute deviation.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("mad", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Mad: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "mad",
    summary: "Mean absolute deviation.",
    formula: "mean of |x - mean| over period",
    source: "pandas-ta-classic mad",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: "O(period)",
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Mad<L> { share: f64; sum: Sum<L>, window: Recent<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Mad<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            share: 1.0 / p[0],
            sum: Sum::new(p.bars(0)),
            window: Recent::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let sum = self.sum.push(x);
        let Some((sum, window)) = sum.zip(self.window.push(x)) else {
            return [L::absent()];
        };
        let mean = sum.mean();
        [window
            .unordered()
            .fold(L::zero(), |sum, value| sum + (*value - mean).abs())
            .scale(self.share)]
    }
}

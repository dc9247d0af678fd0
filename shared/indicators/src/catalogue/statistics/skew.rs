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

pub(crate) const KERNEL: Builder = kernel!(lanes Skew: 1 -> 1);

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

state! { Skew<L> { n: f64; window: Recent<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Skew<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            n: p[0],
            window: Recent::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let n = self.n;
        [self.window.push(x).map_or_else(L::absent, |window| {
            let [m2, m3, _] = moments(window, n);
            m2.zip(m3, |m2, m3| {
                if m2 == 0.0 {
                    f64::NAN
                } else {
                    n * (n - 1.0).sqrt() / (n - 2.0) * m3 / m2.powf(1.5)
                }
            })
        })]
    }
}

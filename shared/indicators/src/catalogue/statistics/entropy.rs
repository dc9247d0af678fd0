//! Shannon's entropy of the values' shares in their sum.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("entropy", &[2.0, 2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.997)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Entropy: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "entropy",
    summary: "Shannon's entropy of the values' shares in their sum.",
    formula: "sum of -p log2 p, p = x / sum(x, period); a p of 0 or less counts 0; absent when the sum is 0",
    source: "pandas-ta-classic entropy",
    parameters: &[
        Parameter::bars("period", 1, 10),
        Parameter::real("base", 1.5, 100.0, 2.0),
    ],
    cost: "O(period)",
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Entropy<L> { scale: f64; sum: Sum<L>, window: Recent<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Entropy<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            scale: -1.0 / p[1].ln(),
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
        let sum = sum.sum();
        let terms = window.unordered().fold(L::zero(), |total, value| {
            total
                + value.zip(sum, |value, sum| {
                    let share = value / sum;
                    if share > 0.0 { share * share.ln() } else { 0.0 }
                })
        });
        [terms.zip(
            sum,
            |terms, sum| if sum == 0.0 { f64::NAN } else { terms * self.scale },
        )]
    }
}

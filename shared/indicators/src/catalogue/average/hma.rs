//! Hull's moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("hma", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(12.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Hma: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "hma",
    summary: "Hull's moving average.",
    formula: "wma(2 × wma(x, period / 2) - wma(x, period), √period), rounded down",
    source: "Hull 2005, TA-Lib 0.8 HMA",
    parameters: &[Parameter::bars("period", 2, 16)],
    cost: AMORTISED,
    warm_up: |p| window_first(p) + p.bars(0).isqrt() as usize - 1,
    ..KERNEL.definition()
};

state! { Hma<L> { half: Linear<L>, whole: Linear<L>, root: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Hma<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let period = parameters.bars(0);
        Self {
            half: Linear::new(period / 2),
            whole: Linear::new(period),
            root: Linear::new(period.isqrt()),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let half = self.half.push(x);
        let value = self.whole.push(x).zip(half).and_then(|(whole, half)| {
            let half = half.weighted_mean();
            let root = self.root.push(half + half - whole.weighted_mean())?;
            Some(root.weighted_mean())
        });
        [value.or_absent()]
    }
}

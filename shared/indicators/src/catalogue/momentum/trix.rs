//! Rate of change of a triple exponential average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let row = compute("trix", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(5.510)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Trix: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "trix",
    summary: "Rate of change of a triple exponential average.",
    formula: "roc(ema(ema(ema(x))), 1)",
    source: "Hutson, TA-Lib 0.8 TRIX",
    parameters: &[Parameter::bars("period", 1, 30)],
    warm_up: |p| 3 * window_first(p) + 1,
    memory: |p| 3 * settle_exponential_first(p),
    ..KERNEL.definition()
};

state! { Trix<L> { averages: [Smoothing<L>; 3], previous: Previous<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Trix<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            averages: std::array::from_fn(|_| Smoothing::exponential(p.bars(0))),
            previous: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let [first, second, third] = &mut self.averages;
        let value = first
            .next(x)
            .and_then(|x| second.next(x))
            .and_then(|x| third.next(x))
            .and_then(|x| {
                let previous = self.previous.push(x)?;
                Some((x - previous).over(previous).scale(100.0))
            });
        [value.or_absent()]
    }
}

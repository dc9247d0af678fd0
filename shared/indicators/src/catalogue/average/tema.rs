//! Triple exponential moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let row = compute("tema", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.537)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Tema: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "tema",
    summary: "Triple exponential moving average.",
    formula: "3 × ema(x) - 3 × ema(ema(x)) + ema(ema(ema(x)))",
    source: "Mulloy 1994, TA-Lib 0.8 TEMA",
    parameters: &[Parameter::bars("period", 1, 30)],
    warm_up: |p| 3 * window_first(p),
    memory: |p| 3 * settle_exponential_first(p),
    ..KERNEL.definition()
};

state! { Tema<L> { once: Smoothing<L>, twice: Smoothing<L>, thrice: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Tema<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let average = Smoothing::exponential(parameters.bars(0));
        Self {
            once: average.clone(),
            twice: average.clone(),
            thrice: average,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let value = self.once.next(x).and_then(|once| {
            let twice = self.twice.next(once)?;
            let thrice = self.thrice.next(twice)?;
            Some((once - twice).scale(3.0) + thrice)
        });
        [value.or_absent()]
    }
}

//! True strength index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let row = compute("tsi", &[2.0, 3.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(67.521)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Tsi: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "tsi",
    summary: "True strength index.",
    formula: "100 × ema(ema(change, first), second) / ema(ema(|change|, first), second); 0 when nothing moved",
    source: "Blau 1991, TA-Lib 0.8 TSI",
    parameters: &[Parameter::bars("first", 1, 25), Parameter::bars("second", 1, 13)],
    warm_up: |p| p.length(0) + p.length(1) - 1,
    memory: |p| settle_exponential(p.bars(0)) + settle_exponential(p.bars(1)),
    ..KERNEL.definition()
};

state! { Tsi<L> { strength: Strength<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Tsi<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            strength: Strength::new(p.bars(0), p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .strength
            .next(x)
            .map(|strength| strength.scale(100.0))
            .or_absent()]
    }
}

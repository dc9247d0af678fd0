//! Relative strength index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("rsi", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(88.889)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rsi: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rsi",
    summary: "Relative strength index.",
    formula: "100 × g / (g + l), g and l Wilder's averages of rises and falls; 0 when nothing moved",
    source: "Wilder 1978, TA-Lib 0.8 RSI",
    parameters: &[Parameter::bars("period", 2, 14)],
    warm_up: change_first,
    memory: settle_wilder_first,
    ..KERNEL.definition()
};

state! { Rsi<L> { moves: Moves<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Rsi<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            moves: Moves::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .moves
            .next(x)
            .map(|(gain, loss)| gain.over(gain + loss).scale(100.0))
            .or_absent()]
    }
}

//! Chande's qstick.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let open = &[9.5, 10.5, 10.0, 11.5];
//! let row = compute("qstick", &[2.0], &[open, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Qstick: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "qstick",
    summary: "Chande's qstick.",
    formula: "sma(close - open, period)",
    source: "Chande 1994, TA-Lib 0.8 QSTICK",
    parameters: &[Parameter::bars("period", 1, 10)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Qstick<L> { window: Sum<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Qstick<L> {
    const INPUTS: [Input; 2] = OPEN_CLOSE;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, close]: [L; 2]) -> [L; 1] {
        [self
            .window
            .push(close - open)
            .map(|window| window.mean())
            .or_absent()]
    }
}

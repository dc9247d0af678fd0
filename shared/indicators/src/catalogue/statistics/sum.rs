//! Sum.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("sum", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(22.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Total: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "sum",
    summary: "Sum.",
    formula: "sum(x, period)",
    source: "TA-Lib 0.8 SUM",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Total<L> { window: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Total<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.window.push(x).map(|window| window.sum()).or_absent()]
    }
}

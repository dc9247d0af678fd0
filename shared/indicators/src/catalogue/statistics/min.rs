//! Least value.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("min", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Min: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "min",
    aliases: &["lowest"],
    summary: "Least value.",
    formula: "min(x, period)",
    source: "TA-Lib 0.8 MIN",
    parameters: &[Parameter::bars("period", 1, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Min<L> { window: Lowest<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Min<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Lowest::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.window.push(x).map(|window| window.value()).or_absent()]
    }
}

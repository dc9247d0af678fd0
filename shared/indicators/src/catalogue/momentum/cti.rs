//! Ehlers' correlation trend indicator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("cti", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Cti: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cti",
    summary: "Ehlers' correlation trend indicator.",
    formula: "Pearson's correlation of x with time over period bars; 0 when flat",
    source: "Ehlers 2020, pandas-ta-classic cti",
    parameters: &[Parameter::bars("period", 2, 12)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Cti<L> { time: f64; window: Linear<L>, squares: Squares<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Cti<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            time: (p[0] * (p[0] * p[0] - 1.0) / 12.0).sqrt(),
            window: Linear::new(p.bars(0)),
            squares: Squares::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let line = self.window.push(x);
        let squares = self.squares.push(x);
        [line
            .zip(squares)
            .map(|(line, squares)| line.slope().scale(self.time).over(squares.deviations().sqrt()))
            .or_absent()]
    }
}

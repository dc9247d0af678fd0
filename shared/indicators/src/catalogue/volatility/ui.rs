//! Ulcer index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("ui", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(3.214)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ui: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ui",
    summary: "Ulcer index.",
    formula: "√(sum(d², period) / period), d = 100 × (x - max(x, period)) / max(x, period)",
    source: "Martin 1987, pandas-ta-classic ui",
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: |p| 2 * window_first(p),
    ..KERNEL.definition()
};

state! { Ui<L> { highest: Highest<L>, squares: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Ui<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            highest: Highest::new(p.bars(0)),
            squares: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let value = self.highest.push(x).and_then(|highest| {
            let highest = highest.value();
            let depth = (x - highest).over(highest).scale(100.0);
            Some(self.squares.push(depth * depth)?.mean().positive().sqrt())
        });
        [value.or_absent()]
    }
}

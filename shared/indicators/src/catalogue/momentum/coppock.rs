//! Coppock's curve.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5];
//! let row = compute("coppock", &[2.0, 3.0, 4.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(29.473)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Coppock: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "coppock",
    summary: "Coppock's curve.",
    formula: "wma(roc(x, first) + roc(x, second), smooth)",
    source: "Coppock 1962, TA-Lib 0.8 COPPOCK",
    parameters: &[
        Parameter::bars("smooth", 1, 10),
        Parameter::bars("first", 1, 11),
        Parameter::bars("second", 1, 14),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0) - 1 + p.length(1).max(p.length(2)),
    ..KERNEL.definition()
};

state! { Coppock<L> { first: Lag<L>, second: Lag<L>, window: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Coppock<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            first: Lag::new(p.bars(1)),
            second: Lag::new(p.bars(2)),
            window: Linear::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let first = self.first.push(x);
        let second = self.second.push(x);
        let value = first.zip(second).and_then(|(first, second)| {
            let change = (x - first).over(first) + (x - second).over(second);
            Some(self.window.push(change.scale(100.0))?.weighted_mean())
        });
        [value.or_absent()]
    }
}

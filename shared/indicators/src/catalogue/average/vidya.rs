//! Variable index dynamic average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("vidya", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Vidya: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "vidya",
    summary: "Chande's variable index dynamic average.",
    formula: "vidya += 2 / (period + 1) × |cmo| × (x - vidya), cmo = (gains - losses) / (gains + losses) over period changes, 0 when flat; from the mean of the first period values",
    source: "Chande 1992, pandas-ta-classic vidya (which never recovers from a flat window)",
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    memory: |_| 5_000,
    ..KERNEL.definition()
};

state! {
    Vidya<L> { weight: f64; previous: Previous<L>, changes: Sum<L>, moves: Sum<L>, seed: Sum<L>, value: Previous<L> }
}

impl<L: Lane> Kernel<L, 1, 1> for Vidya<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let window = Sum::new(parameters.bars(0));
        Self {
            weight: 2.0 / (parameters[0] + 1.0),
            previous: Previous::new(),
            changes: window.clone(),
            moves: window.clone(),
            seed: window,
            value: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let change = self.previous.push(x).map(|before| x - before);
        let changes = change.and_then(|change| self.changes.push(change));
        let moves = change.and_then(|change| self.moves.push(change.abs()));
        let value = match (self.value.get(), changes.zip(moves)) {
            (Some(value), Some((changes, moves))) => {
                let index = changes.sum().over(moves.sum()).abs();
                Some(value + index.scale(self.weight) * (x - value))
            }
            _ => self.seed.push(x).map(|seed| seed.mean()),
        };
        if let Some(value) = value {
            self.value.push(value);
        }
        [value.or_absent()]
    }
}

//! Arnaud Legoux moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("alma", &[2.0, 6.0, 0.85], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.562)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Alma: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "alma",
    summary: "Arnaud Legoux moving average: weights of a normal curve.",
    formula: "sum(w[i] × x[i]) / sum(w), w[i] = exp(-(i - m)² / (2 s²)) with i = 0 at the newest bar, m = offset × (period - 1), s = period / sigma",
    source: "Legoux, pandas-ta-classic alma",
    parameters: &[
        Parameter::bars("period", 1, 10),
        Parameter::real("sigma", 0.1, 100.0, 6.0),
        Parameter::real("offset", 0.0, 1.0, 0.85),
    ],
    cost: "O(period)",
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Alma<L> { weights: Box<[f64]>; window: Recent<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Alma<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let (period, middle) = (parameters[0], parameters[2] * (parameters[0] - 1.0));
        let width = period / parameters[1];
        let weight = |at: usize| {
            let from_middle = at as f64 - middle;
            (-from_middle * from_middle / (2.0 * width * width)).exp()
        };
        let weights: Vec<f64> = (0..parameters.length(0)).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Self {
            weights: weights.iter().map(|weight| weight / sum).collect(),
            window: Recent::new(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self.window.push(x).map_or_else(L::absent, |window| {
            let newest_first = window.iter().rev().zip(&self.weights);
            newest_first.fold(L::zero(), |sum, (value, weight)| sum + value.scale(*weight))
        })]
    }
}

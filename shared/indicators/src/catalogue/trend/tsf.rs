//! Time series forecast.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("tsf", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(13.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Tsf: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "tsf",
    summary: "Time series forecast: the least-squares line one bar on.",
    formula: "mean + slope × (period + 1) / 2",
    source: "TA-Lib 0.8 TSF",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Tsf<L> { half: f64; window: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Tsf<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            half: (p[0] + 1.0) / 2.0,
            window: Linear::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        [self
            .window
            .push(x)
            .map(|line| line.mean() + line.slope().scale(self.half))
            .or_absent()]
    }
}

//! End of the regression line.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("linearreg", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(12.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Linearreg: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "linearreg",
    aliases: &["linreg", "lsma"],
    summary: "Value of the least-squares line at the last bar.",
    formula: "mean + slope × (period - 1) / 2",
    source: "TA-Lib 0.8 LINEARREG",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Linearreg<L> { half: f64; window: Linear<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Linearreg<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            half: (parameters[0] - 1.0) / 2.0,
            window: Linear::new(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let line = self.window.push(x);
        [line
            .map(|line| line.mean() + line.slope().scale(self.half))
            .or_absent()]
    }
}

//! Zero-lag exponential moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let row = compute("zlema", &[3.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.417)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Zlema: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "zlema",
    aliases: &["zlma"],
    summary: "Zero-lag exponential moving average.",
    formula: "ema(2 × x - x[lag], period), lag = (period - 1) / 2 rounded down",
    source: "Ehlers and Way, TA-Lib 0.8 ZLEMA",
    parameters: &[Parameter::bars("period", 3, 30)],
    warm_up: |p| window_first(p) + window_first(p) / 2,
    memory: settle_exponential_first,
    ..KERNEL.definition()
};

state! { Zlema<L> { lag: Lag<L>, average: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Zlema<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let period = parameters.bars(0);
        Self {
            lag: Lag::new((period - 1) / 2),
            average: Smoothing::exponential(period),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let value = self.lag.push(x).and_then(|old| self.average.next(x + x - old));
        [value.or_absent()]
    }
}

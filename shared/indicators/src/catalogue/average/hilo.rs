//! Gann's high-low activator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0];
//! let row = compute("hilo", &[2.0, 3.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(9.667), Some(9.667), Some(9.667)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Hilo: 3 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "hilo",
    aliases: &["gann_hilo"],
    summary: "Gann's high-low activator: the line, and the line while long and while short.",
    formula: "above the last average of highs: the average of lows (long); below the last average of lows: the average of highs (short); else as before",
    source: "pandas-ta-classic hilo",
    outputs: &["hilo", "long", "short"],
    parameters: &[Parameter::bars("high", 1, 13), Parameter::bars("low", 1, 21)],
    cost: AMORTISED,
    warm_up: |p| p.length(0).max(p.length(1)),
    memory: |_| 1_000,
    ..KERNEL.definition()
};

state! {
    Hilo { highs: Sum<f64>, lows: Sum<f64>, high: Previous<f64>, low: Previous<f64>, value: Option<f64> }
}

impl Kernel<f64, 3, 3> for Hilo {
    const INPUTS: [Input; 3] = HLC;

    fn new(parameters: &[f64]) -> Self {
        Self {
            highs: Sum::new(parameters.bars(0)),
            lows: Sum::new(parameters.bars(1)),
            high: Previous::new(),
            low: Previous::new(),
            value: None,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [f64; 3]) -> [f64; 3] {
        let high = self.highs.push(high).map(|window| window.mean());
        let low = self.lows.push(low).map(|window| window.mean());
        let before_high = high.and_then(|high| self.high.push(high));
        let before_low = low.and_then(|low| self.low.push(low));
        if before_high.is_some_and(|high| close > high) {
            self.value = low;
            return [self.value, self.value, None].map(OrAbsent::or_absent);
        }
        if before_low.is_some_and(|low| close < low) {
            self.value = high;
            return [self.value, None, self.value].map(OrAbsent::or_absent);
        }
        [self.value; 3].map(OrAbsent::or_absent)
    }
}

//! Supertrend.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("supertrend", &[2.0, 3.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(4.250), Some(1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Supertrend: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "supertrend",
    summary: "A trailing stop of average ranges, and the trend it says: 1 up, -1 down.",
    formula: "bands hl2 ± factor × atr(period) that only tighten while the close keeps within; the trend turns when the close crosses its band",
    source: "Seban, TA-Lib 0.8 SUPERTREND",
    outputs: &["supertrend", "trend"],
    parameters: &[
        Parameter::bars("period", 1, 10),
        Parameter::real("factor", 0.0, 100.0, 3.0),
    ],
    warm_up: change_first,
    // Beyond the average range's, a band may be kept for as long as no close crosses it.
    memory: |p| settle_wilder_first(p) + 1_000,
    ..KERNEL.definition()
};

state! {
    Supertrend<L> { factor: f64; range: AverageRange<L>, warm: bool, close: L, upper: L, lower: L, trend: L }
}

impl<L: Lane> Kernel<L, 3, 2> for Supertrend<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(parameters: &[f64]) -> Self {
        Self {
            factor: parameters[1],
            range: AverageRange::new(parameters.bars(0)),
            warm: false,
            close: L::zero(),
            upper: L::zero(),
            lower: L::zero(),
            trend: L::splat(1.0),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        let Some(range) = self.range.next(high, low, close) else {
            return [L::absent(); 2];
        };
        let middle = (high + low).scale(0.5);
        let width = range.scale(self.factor);
        let (upper, lower) = (middle + width, middle - width);
        if self.warm {
            self.upper = upper.zip3(self.upper, self.close, |new, old, close| {
                let kept = if close > old { new } else { old };
                if new < old { new } else { kept }
            });
            self.lower = lower.zip3(self.lower, self.close, |new, old, close| {
                let kept = if close < old { new } else { old };
                if new > old { new } else { kept }
            });
            self.trend = self
                .trend
                .zip4(close, self.upper, self.lower, |trend, close, upper, lower| {
                    let down = if close < lower { -1.0 } else { 1.0 };
                    let up = if close > upper { 1.0 } else { -1.0 };
                    if trend > 0.0 { down } else { up }
                });
        } else {
            (self.upper, self.lower, self.warm) = (upper, lower, true);
        }
        self.close = close;
        let stop = self.trend.zip3(
            self.upper,
            self.lower,
            |trend, upper, lower| {
                if trend > 0.0 { lower } else { upper }
            },
        );
        [stop, self.trend]
    }
}

//! Parabolic stop and reverse.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("sar", &[0.02, 0.2], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(8.639)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Sar: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "sar",
    aliases: &["psar"],
    summary: "Wilder's parabolic stop and reverse.",
    formula: "sar += a × (extreme - sar), a grows by acceleration with each new extreme up to maximum; reverses when a bar reaches it",
    source: "Wilder 1978, TA-Lib 0.8 SAR",
    parameters: &[
        Parameter::real("acceleration", 0.0, 10.0, 0.02),
        Parameter::real("maximum", 0.0, 10.0, 0.2),
    ],
    warm_up: |_| 1,
    memory: |_| 1_000,
    ..KERNEL.definition()
};

state! {
    Sar {
        acceleration: f64, maximum: f64;
        bars: u32, long: bool, high: f64, low: f64, extreme: f64, factor: f64, stop: f64
    }
}

impl Kernel<f64, 2, 1> for Sar {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(parameters: &[f64]) -> Self {
        let acceleration = parameters[0].min(parameters[1]);
        Self {
            acceleration,
            maximum: parameters[1],
            bars: 0,
            long: true,
            high: 0.0,
            low: 0.0,
            extreme: 0.0,
            factor: acceleration,
            stop: 0.0,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 1] {
        let (mut before_high, mut before_low) = (self.high, self.low);
        (self.high, self.low) = (high, low);
        match self.bars {
            0 => {
                self.bars = 1;
                return [f64::NAN];
            }
            1 => {
                let (up, down) = (high - before_high, before_low - low);
                self.long = !(down > 0.0 && down > up);
                (self.extreme, self.stop) = if self.long {
                    (high, before_low)
                } else {
                    (low, before_high)
                };
                // The first bar is not looked back to.
                (before_high, before_low) = (high, low);
                self.bars = 2;
            }
            _ => {}
        }
        let (ceiling, floor) = (before_high.max(high), before_low.min(low));
        let reached = if self.long {
            low <= self.stop
        } else {
            high >= self.stop
        };
        let value;
        if reached {
            self.long = !self.long;
            value = if self.long {
                self.extreme.min(floor)
            } else {
                self.extreme.max(ceiling)
            };
            self.factor = self.acceleration;
            self.extreme = if self.long { high } else { low };
        } else {
            value = self.stop;
            let is_new = if self.long {
                high > self.extreme
            } else {
                low < self.extreme
            };
            if is_new {
                self.extreme = if self.long { high } else { low };
                self.factor = (self.factor + self.acceleration).min(self.maximum);
            }
        }
        let next = self.factor.mul_add(self.extreme - value, value);
        self.stop = if self.long {
            next.min(floor)
        } else {
            next.max(ceiling)
        };
        [value]
    }
}

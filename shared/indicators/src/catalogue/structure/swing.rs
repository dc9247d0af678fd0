//! Swing points.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("swing", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[None, None, Some(0.000), Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::Swings;

pub(crate) const KERNEL: Builder = kernel!(Swing: 2 -> 4);

pub(crate) const DEFINITION: Definition = Definition {
    name: "swing",
    aliases: &["swings", "swing_points"],
    summary: "The last swing high and low, from the bar that confirms them.",
    formula: "high: the last high greater than each of the strength highs before it and not less than any of those after it, low: the mirror image, both absent until there was one; new_high, new_low: 1 on the bar that confirms it, strength bars later, else 0",
    source: "Dow theory; TradingView ta.pivothigh, ta.pivotlow",
    outputs: &["high", "low", "new_high", "new_low"],
    parameters: &[Parameter::bars("strength", 1, 5)],
    cost: AMORTISED,
    warm_up: |p| 2 * p.length(0),
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Swing { swings: Swings, high: Option<f64>, low: Option<f64> } }

impl Kernel<f64, 2, 4> for Swing {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            swings: Swings::new(p.bars(0)),
            high: None,
            low: None,
        }
    }

    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 4] {
        let Some((high, low)) = self.swings.next(high, low) else {
            return [f64::NAN; 4];
        };
        self.high = high.or(self.high);
        self.low = low.or(self.low);
        let flag = |new: Option<f64>| f64::from(u8::from(new.is_some()));
        [self.high.or_absent(), self.low.or_absent(), flag(high), flag(low)]
    }
}

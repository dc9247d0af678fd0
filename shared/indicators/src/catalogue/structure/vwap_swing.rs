//! Volume-weighted average price since the last swing point.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0, 115.0, 130.0];
//! let row = compute("vwap_swing", &[2.0], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[None]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::Swings;

pub(crate) const KERNEL: Builder = kernel!(VwapSwing: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "vwap_swing",
    aliases: &["avwap"],
    summary: "Volume-weighted average price since the last swing point, from the bar that confirms it.",
    formula: "sum(hlc3 × volume) / sum(volume) since the bar of the last confirmed swing high or low; absent until there was one, and until something was traded since; swing points as in swing",
    source: "Shannon, anchored VWAP",
    parameters: &[Parameter {
        maximum: STRENGTH_MAX,
        ..Parameter::bars("strength", 1, 5)
    }],
    cost: "O(1) amortised; O(strength) on the bar that confirms",
    warm_up: |p| 2 * p.length(0),
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

/// Most bars on each side of a swing point.
const STRENGTH_MAX: f64 = 1_000.0;

state! {
    VwapSwing {
        swings: Swings, prices: Lag<f64>, volumes: Lag<f64>, mean: TradedMean<f64>, anchored: bool,
    }
}

impl Kernel<f64, 4, 1> for VwapSwing {
    const INPUTS: [Input; 4] = HLCV;

    fn new(p: &[f64]) -> Self {
        let strength = p.bars(0);
        Self {
            swings: Swings::new(strength),
            // The swing's own bar and those after it.
            prices: Lag::new(strength + 1),
            volumes: Lag::new(strength + 1),
            mean: TradedMean::new(),
            anchored: false,
        }
    }

    fn step(&mut self, [high, low, close, volume]: [f64; 4]) -> [f64; 1] {
        let price = (high + low + close) / 3.0;
        self.prices.push(price);
        self.volumes.push(volume);
        let (top, bottom) = self.swings.next(high, low).unwrap_or_default();
        if top.or(bottom).is_some() {
            self.anchored = true;
            self.mean = TradedMean::new();
            let mut last = f64::NAN;
            for (price, volume) in self.prices.iter().zip(self.volumes.iter()) {
                last = self.mean.next(price, volume);
            }
            return [last];
        }
        if self.anchored {
            [self.mean.next(price, volume)]
        } else {
            [f64::NAN]
        }
    }
}

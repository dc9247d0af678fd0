//! Volume-weighted average price since the first bar.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("vwap", &[], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.759)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Vwap: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "vwap",
    summary: "Volume-weighted average price since the first bar.",
    formula: "sum(hlc3 × volume) / sum(volume); absent until something was traded",
    source: "TA-Lib 0.8 VWAP",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Vwap<L> { mean: TradedMean<L> } }

impl<L: Lane> Kernel<L, 4, 1> for Vwap<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(_: &[f64]) -> Self {
        Self {
            mean: TradedMean::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 1] {
        [self.mean.next((high + low + close) / L::splat(3.0), volume)]
    }
}

//! Chaikin's accumulation and distribution line.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("ad", &[], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(87.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ad: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ad",
    summary: "Chaikin's accumulation and distribution line.",
    formula: "sum of ((close - low) - (high - close)) / (high - low) × volume; a bar without range adds 0",
    source: "Chaikin, TA-Lib 0.8 AD",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Ad<L> { value: L } }

impl<L: Lane> Kernel<L, 4, 1> for Ad<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(_: &[f64]) -> Self {
        Self { value: L::zero() }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 1] {
        self.value = self.value + money_flow(high, low, close, volume);
        [self.value]
    }
}

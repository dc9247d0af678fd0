//! Heikin-Ashi candles.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let open = &[9.5, 10.5, 10.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("ha", &[], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.250), Some(13.000), Some(10.250), Some(11.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ha: 4 -> 4);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ha",
    summary: "Heikin-Ashi candles.",
    formula: "close = ohlc4, open = (open[1] + close[1]) / 2, from (open + close) / 2; high and low with both",
    source: "TA-Lib 0.8 HA",
    outputs: &["open", "high", "low", "close"],
    memory: |_| 60,
    ..KERNEL.definition()
};

state! { Ha<L> { middle: Previous<L> } }

impl<L: Lane> Kernel<L, 4, 4> for Ha<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(_: &[f64]) -> Self {
        Self {
            middle: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 4] {
        let ha_close = (open + high + low + close).scale(0.25);
        let ha_open = self.middle.get().unwrap_or((open + close).scale(0.5));
        self.middle.push((ha_open + ha_close).scale(0.5));
        [
            ha_open,
            high.max(ha_open).max(ha_close),
            low.min(ha_open).min(ha_close),
            ha_close,
        ]
    }
}

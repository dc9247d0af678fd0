//! Heikin-Ashi candles.

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

//! Long-legged doji.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdllongleggeddoji",
    aliases: &["cdl_longleggeddoji"],
    summary: "Long-legged doji.",
    formula: "100: a doji with a shadow longer than its body; else 0",
    source: "TA-Lib 0.8 CDLLONGLEGGEDDOJI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let candle = &c[0];
    let legged = candle.lower() > candle.body() || candle.upper() > candle.body();
    when(legged && c.is_doji(0), 1)
}

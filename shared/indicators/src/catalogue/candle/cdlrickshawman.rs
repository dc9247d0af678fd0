//! Rickshaw man.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlrickshawman",
    aliases: &["cdl_rickshawman"],
    summary: "Rickshaw man.",
    formula: "100: a doji with both shadows longer than its body, which is near the middle of the range; else 0",
    source: "TA-Lib 0.8 CDLRICKSHAWMAN",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let candle = &c[0];
    let middle = candle.low + candle.range() / 2.0;
    let found = candle.lower() > candle.body()
        && candle.upper() > candle.body()
        && candle.bottom() <= middle + c.near(0)
        && candle.top() >= middle - c.near(0)
        && c.is_doji(0);
    when(found, 1)
}

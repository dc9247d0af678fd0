//! Unique three river.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlunique3river",
    aliases: &["cdl_unique3river"],
    summary: "Unique three river.",
    formula: "100: a long black candle, a black one with its body within the first and a lower low, and a short white one that opens above that low; else 0",
    source: "TA-Lib 0.8 CDLUNIQUE3RIVER",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_black()
        && second.is_black()
        && third.is_white()
        && second.close > first.close
        && second.open <= first.open
        && second.low < first.low
        && third.open > second.low
        && c.is_long(2)
        && c.is_short(0);
    when(found, 1)
}

//! Stalled pattern.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlstalledpattern",
    aliases: &["cdl_stalledpattern"],
    summary: "Stalled pattern.",
    formula: "-100: three white candles with rising closes: a long one, a long one without an upper shadow that opens within or near its body, and a short one at the upper end of that; else 0",
    source: "TA-Lib 0.8 CDLSTALLEDPATTERN",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = [first, second, third].iter().all(|candle| candle.is_white())
        && third.close > second.close
        && second.close > first.close
        && second.open > first.open
        && second.open <= first.close + c.near(2)
        && third.open >= second.close - third.body() - c.near(1)
        && c.is_long(2)
        && c.is_long(1)
        && c.no_upper(1)
        && c.is_short(0);
    when(found, -1)
}

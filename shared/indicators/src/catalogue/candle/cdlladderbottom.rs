//! Ladder bottom.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlladderbottom",
    aliases: &["cdl_ladderbottom"],
    summary: "Ladder bottom.",
    formula: "100: three black candles with falling opens and closes, a black one with an upper shadow, and a white one that opens above its body and closes above its high; else 0",
    source: "TA-Lib 0.8 CDLLADDERBOTTOM",
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let found = [first, second, third, fourth]
        .iter()
        .all(|candle| candle.is_black())
        && fifth.is_white()
        && first.open > second.open
        && second.open > third.open
        && first.close > second.close
        && second.close > third.close
        && fifth.open > fourth.open
        && fifth.close > fourth.high
        && fourth.upper() > c.tiny(1);
    when(found, 1)
}

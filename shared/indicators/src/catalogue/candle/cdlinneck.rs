//! In-neck.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlinneck",
    aliases: &["cdl_inneck"],
    summary: "In-neck.",
    formula: "-100: a long black candle, and a white one that opens below its low and closes at or just above its close; else 0",
    source: "TA-Lib 0.8 CDLINNECK",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && second.close >= first.close
        && second.close <= first.close + c.equal(1)
        && c.is_long(1);
    when(found, -1)
}

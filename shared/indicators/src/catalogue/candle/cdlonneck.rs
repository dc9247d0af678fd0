//! On-neck.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlonneck",
    aliases: &["cdl_onneck"],
    summary: "On-neck.",
    formula: "-100: a long black candle, and a white one that opens below its low and closes at that low; else 0",
    source: "TA-Lib 0.8 CDLONNECK",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && about(second.close, first.low, c.equal(1))
        && c.is_long(1);
    when(found, -1)
}

//! Piercing.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlpiercing",
    aliases: &["cdl_piercing"],
    summary: "Piercing.",
    formula: "100: a long black candle, and a long white one that opens below its low and closes in the upper half of its body; else 0",
    source: "TA-Lib 0.8 CDLPIERCING",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_white()
        && second.open < first.low
        && second.close < first.open
        && second.close > first.pierced(0.5)
        && c.is_long(1)
        && c.is_long(0);
    when(found, 1)
}

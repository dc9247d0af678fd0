//! Homing pigeon.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhomingpigeon",
    aliases: &["cdl_homingpigeon"],
    summary: "Homing pigeon.",
    formula: "100: a long black candle, and a black one that is not long with its body within the first; else 0",
    source: "TA-Lib 0.8 CDLHOMINGPIGEON",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black()
        && second.is_black()
        && second.open < first.open
        && second.close > first.close
        && c.is_long(1)
        && !c.is_long(0);
    when(found, 1)
}

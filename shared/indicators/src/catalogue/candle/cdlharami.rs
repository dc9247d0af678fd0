//! Harami.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlharami",
    aliases: &["cdl_harami"],
    summary: "Harami.",
    formula: "±100, against the first: a long candle, and one that is not long with its body within the first; ±80 when they share an end; else 0",
    source: "TA-Lib 0.8 CDLHARAMI",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    if c.is_long(1) && !c.is_long(0) {
        c.harami()
    } else {
        0
    }
}

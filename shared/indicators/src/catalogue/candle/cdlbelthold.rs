//! Belt-hold.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlbelthold",
    aliases: &["cdl_belthold"],
    summary: "Belt-hold.",
    formula: "±100: a long candle without a shadow beyond its open; else 0",
    source: "TA-Lib 0.8 CDLBELTHOLD",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_long(0) && c.is_belt_hold(0), c[0].sign())
}

//! Kicking.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlkicking",
    aliases: &["cdl_kicking"],
    summary: "Kicking.",
    formula: "±100: a long candle without shadows, and one of the other colour that gaps away from it; else 0",
    source: "TA-Lib 0.8 CDLKICKING",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_kicking(), c[0].sign())
}

//! Marubozu.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmarubozu",
    aliases: &["cdl_marubozu"],
    summary: "Marubozu.",
    formula: "±100: a long candle without shadows; else 0",
    source: "TA-Lib 0.8 CDLMARUBOZU",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_long(0) && c.is_marubozu(0), c[0].sign())
}

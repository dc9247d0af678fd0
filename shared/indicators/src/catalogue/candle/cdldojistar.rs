//! Doji star.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdldojistar",
    aliases: &["cdl_dojistar"],
    summary: "Doji star.",
    formula: "±100, against the first: a long candle, and a doji whose body gaps on; else 0",
    source: "TA-Lib 0.8 CDLDOJISTAR",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let sign = first.sign();
    when(
        second.body_gaps(first, sign) && c.is_long(1) && c.is_doji(0),
        -sign,
    )
}

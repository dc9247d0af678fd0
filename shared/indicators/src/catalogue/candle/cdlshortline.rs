//! Short line.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlshortline",
    aliases: &["cdl_shortline"],
    summary: "Short line.",
    formula: "±100: a short candle with short shadows; else 0",
    source: "TA-Lib 0.8 CDLSHORTLINE",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let short = c.short_shadow(0);
    when(
        c[0].upper() < short && c[0].lower() < short && c.is_short(0),
        c[0].sign(),
    )
}

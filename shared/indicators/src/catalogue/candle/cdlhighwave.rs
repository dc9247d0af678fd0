//! High-wave candle.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhighwave",
    aliases: &["cdl_highwave"],
    summary: "High-wave candle.",
    formula: "±100 by colour: a short body with both shadows longer than twice it; else 0",
    source: "TA-Lib 0.8 CDLHIGHWAVE",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let long = 2.0 * c[0].body();
    when(
        c[0].upper() > long && c[0].lower() > long && c.is_short(0),
        c[0].sign(),
    )
}

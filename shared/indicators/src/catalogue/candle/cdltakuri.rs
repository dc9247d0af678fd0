//! Takuri.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdltakuri",
    aliases: &["cdl_takuri"],
    summary: "Takuri.",
    formula: "100: a doji without an upper shadow, with a lower one longer than twice its body; else 0",
    source: "TA-Lib 0.8 CDLTAKURI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let candle = &c[0];
    when(
        candle.lower() > 2.0 * candle.body() && c.is_doji(0) && c.no_upper(0),
        1,
    )
}

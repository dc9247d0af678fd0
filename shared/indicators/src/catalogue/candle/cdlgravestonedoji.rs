//! Gravestone doji.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlgravestonedoji",
    aliases: &["cdl_gravestonedoji"],
    summary: "Gravestone doji.",
    formula: "100: a doji without a lower shadow, with an upper one; else 0",
    source: "TA-Lib 0.8 CDLGRAVESTONEDOJI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_doji(0) && c.no_lower(0) && c[0].upper() > c.tiny(0), 1)
}

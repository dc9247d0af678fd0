//! Doji.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdldoji",
    aliases: &["cdl_doji"],
    summary: "Doji.",
    formula: "100: a body of at most a tenth of the mean range; else 0",
    source: "TA-Lib 0.8 CDLDOJI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_doji(0), 1)
}

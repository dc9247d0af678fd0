//! Dragonfly doji.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdldragonflydoji",
    aliases: &["cdl_dragonflydoji"],
    summary: "Dragonfly doji.",
    formula: "100: a doji without an upper shadow, with a lower one; else 0",
    source: "TA-Lib 0.8 CDLDRAGONFLYDOJI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_doji(0) && c.no_upper(0) && c[0].lower() > c.tiny(0), 1)
}

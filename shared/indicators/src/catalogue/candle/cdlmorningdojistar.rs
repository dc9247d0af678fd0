//! Morning doji star.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmorningdojistar",
    aliases: &["cdl_morningdojistar"],
    summary: "Morning doji star.",
    formula: "100: a long black candle, a doji whose body gaps down, and a long white one that closes at least the penetration deep in the first body; else 0",
    source: "TA-Lib 0.8 CDLMORNINGDOJISTAR",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.3)],
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_star(1) && c.is_doji(1), 1)
}

//! Evening doji star.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdleveningdojistar",
    aliases: &["cdl_eveningdojistar"],
    summary: "Evening doji star.",
    formula: "-100: a long white candle, a doji whose body gaps up, and a long black one that closes at least the penetration deep in the first body; else 0",
    source: "TA-Lib 0.8 CDLEVENINGDOJISTAR",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.3)],
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    when(c.is_star(-1) && c.is_doji(1), -1)
}

//! Stick sandwich.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlsticksandwich",
    aliases: &["cdl_sticksandwich"],
    summary: "Stick sandwich.",
    formula: "100: a black candle, a white one that trades above its close, and a black one with an equal close; else 0",
    source: "TA-Lib 0.8 CDLSTICKSANDWICH",
    warm_up: |_| NEAR_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_black()
        && second.is_white()
        && third.is_black()
        && second.low > first.close
        && about(third.close, first.close, c.equal(2));
    when(found, 1)
}

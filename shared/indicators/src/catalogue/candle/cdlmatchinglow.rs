//! Matching low.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmatchinglow",
    aliases: &["cdl_matchinglow"],
    summary: "Matching low.",
    formula: "100: two black candles with equal closes; else 0",
    source: "TA-Lib 0.8 CDLMATCHINGLOW",
    warm_up: |_| NEAR_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black() && second.is_black() && about(second.close, first.close, c.equal(1));
    when(found, 1)
}

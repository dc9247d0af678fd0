//! Hammer.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhammer",
    aliases: &["cdl_hammer"],
    summary: "Hammer.",
    formula: "100: a short body below or near the low before, a lower shadow longer than it, no upper one; else 0",
    source: "TA-Lib 0.8 CDLHAMMER",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = second.lower() > second.body()
        && c.is_short(0)
        && c.no_upper(0)
        && second.bottom() <= first.low + c.near(1);
    when(found, 1)
}

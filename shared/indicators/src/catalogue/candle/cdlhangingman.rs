//! Hanging man.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhangingman",
    aliases: &["cdl_hangingman"],
    summary: "Hanging man.",
    formula: "-100: a short body above or near the high before, a lower shadow longer than it, no upper one; else 0",
    source: "TA-Lib 0.8 CDLHANGINGMAN",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = second.lower() > second.body()
        && c.is_short(0)
        && c.no_upper(0)
        && second.bottom() >= first.high - c.near(1);
    when(found, -1)
}

//! Counterattack.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlcounterattack",
    aliases: &["cdl_counterattack"],
    summary: "Counterattack.",
    formula: "±100: two long candles of opposite colours with equal closes; else 0",
    source: "TA-Lib 0.8 CDLCOUNTERATTACK",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.sign() == -second.sign()
        && c.is_long(1)
        && c.is_long(0)
        && about(second.close, first.close, c.equal(1));
    when(found, second.sign())
}

//! Two crows.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl2crows",
    aliases: &["cdl_2crows"],
    summary: "Two crows.",
    formula: "-100: a long white candle, a black one whose body gaps up, a black one that opens within the second body and closes within the first; else 0",
    source: "TA-Lib 0.8 CDL2CROWS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_white()
        && second.is_black()
        && third.is_black()
        && second.body_gaps(first, 1)
        && second.holds(third.open)
        && first.holds(third.close)
        && c.is_long(2);
    when(found, -1)
}

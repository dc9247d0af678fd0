//! Three inside up or down.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3inside",
    aliases: &["cdl_3inside"],
    summary: "Three inside up or down.",
    formula: "±100: a long candle, one that is not long with its body within the first, and one against the first that closes beyond its open; else 0",
    source: "TA-Lib 0.8 CDL3INSIDE",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = -first.sign();
    let found = third.sign() == sign
        && second.top() < first.top()
        && second.bottom() > first.bottom()
        && past(third.close, first.open, sign)
        && c.is_long(2)
        && !c.is_long(1);
    when(found, sign)
}

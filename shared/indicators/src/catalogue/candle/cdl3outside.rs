//! Three outside up or down.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3outside",
    aliases: &["cdl_3outside"],
    summary: "Three outside up or down.",
    formula: "±100: a body that engulfs one of the other colour, and a candle that closes further on; else 0",
    source: "TA-Lib 0.8 CDL3OUTSIDE",
    warm_up: |_| 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = second.sign();
    let found = first.sign() == -sign
        && past(second.close, first.open, sign)
        && past(second.open, first.close, -sign)
        && past(third.close, second.close, sign);
    when(found, sign)
}

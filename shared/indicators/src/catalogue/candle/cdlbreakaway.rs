//! Breakaway.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlbreakaway",
    aliases: &["cdl_breakaway"],
    summary: "Breakaway.",
    formula: "±100: a long candle, one of its colour whose body gaps on, two that go on, the second of them of that colour, and one against them that closes within the gap; else 0",
    source: "TA-Lib 0.8 CDLBREAKAWAY",
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let sign = first.sign();
    let found = second.sign() == sign
        && fourth.sign() == sign
        && fifth.sign() == -sign
        && second.body_gaps(first, sign)
        && third.moves(second, sign)
        && fourth.moves(third, sign)
        && past(fifth.close, second.open, -sign)
        && past(fifth.close, first.close, sign)
        && c.is_long(4);
    when(found, -sign)
}

//! Tasuki gap.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdltasukigap",
    aliases: &["cdl_tasukigap"],
    summary: "Tasuki gap.",
    formula: "±100: a candle whose body gaps in its direction, and one against it of near size that opens within its body and closes in the gap; else 0",
    source: "TA-Lib 0.8 CDLTASUKIGAP",
    warm_up: |_| NEAR_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = second.sign();
    let gap = if sign > 0 { first.top() } else { first.bottom() };
    let found = third.sign() == -sign
        && second.body_gaps(first, sign)
        && second.holds(third.open)
        && past(third.close, second.open, -sign)
        && past(third.close, gap, sign)
        && (second.body() - third.body()).abs() < c.near(1);
    when(found, sign)
}

//! Rising or falling three methods.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlrisefall3methods",
    aliases: &["cdl_risefall3methods"],
    summary: "Rising or falling three methods.",
    formula: "±100: a long candle, three short ones of the other colour that go back and overlap its range, and a long one that opens beyond the last close and closes beyond the first; else 0",
    source: "TA-Lib 0.8 CDLRISEFALL3METHODS",
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let sign = first.sign();
    let rests =
        |candle: &Candle| candle.sign() == -sign && candle.bottom() < first.high && candle.top() > first.low;
    let found = fifth.sign() == sign
        && [second, third, fourth].into_iter().all(rests)
        && past(third.close, second.close, -sign)
        && past(fourth.close, third.close, -sign)
        && past(fifth.open, fourth.close, sign)
        && past(fifth.close, first.close, sign)
        && c.is_long(4)
        && (1..4).all(|back| c.is_short(back))
        && c.is_long(0);
    when(found, sign)
}

//! Concealing baby swallow.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlconcealbabyswall",
    aliases: &["cdl_concealbabyswall"],
    summary: "Concealing baby swallow.",
    formula: "100: four black candles: two without shadows, one whose body gaps down and whose upper shadow reaches into the body before, and one that engulfs it, shadows included; else 0",
    source: "TA-Lib 0.8 CDLCONCEALBABYSWALL",
    warm_up: |_| LONG_BARS + 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth] = c.last();
    let found = [first, second, third, fourth]
        .iter()
        .all(|candle| candle.is_black())
        && third.body_gaps(second, -1)
        && third.high > second.close
        && fourth.high > third.high
        && fourth.low < third.low
        && c.is_marubozu(3)
        && c.is_marubozu(2)
        && third.upper() > c.tiny(1);
    when(found, 1)
}

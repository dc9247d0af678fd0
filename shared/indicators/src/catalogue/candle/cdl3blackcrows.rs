//! Three black crows.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3blackcrows",
    aliases: &["cdl_3blackcrows"],
    summary: "Three black crows.",
    formula: "-100: after a white candle three black ones without lower shadows, with falling closes, each opening within the body before; the first closes under the high of the white one; else 0",
    source: "TA-Lib 0.8 CDL3BLACKCROWS",
    warm_up: |_| LONG_BARS + 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [before, first, second, third] = c.last();
    let found = before.is_white()
        && [first, second, third].iter().all(|candle| candle.is_black())
        && before.high > first.close
        && first.close > second.close
        && second.close > third.close
        && first.holds(second.open)
        && second.holds(third.open)
        && (0..3).all(|back| c.no_lower(back));
    when(found, -1)
}

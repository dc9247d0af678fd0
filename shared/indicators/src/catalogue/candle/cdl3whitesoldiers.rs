//! Three white soldiers.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3whitesoldiers",
    aliases: &["cdl_3whitesoldiers"],
    summary: "Three white soldiers.",
    formula: "100: three white candles without upper shadows, with rising closes, each opening within or near the body before and not far shorter than it; the third is not short; else 0",
    source: "TA-Lib 0.8 CDL3WHITESOLDIERS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let follows = |candle: &Candle, before: &Candle, back: usize| {
        candle.close > before.close
            && candle.open > before.open
            && candle.open <= before.close + c.near(back)
            && candle.body() > before.body() - c.far(back)
    };
    let found = [first, second, third].iter().all(|candle| candle.is_white())
        && follows(second, first, 2)
        && follows(third, second, 1)
        && (0..3).all(|back| c.no_upper(back))
        && c.is_long(0);
    when(found, 1)
}

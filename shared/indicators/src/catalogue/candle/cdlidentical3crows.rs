//! Identical three crows.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlidentical3crows",
    aliases: &["cdl_identical3crows"],
    summary: "Identical three crows.",
    formula: "-100: three black candles without lower shadows, with falling closes, each opening at the close before; else 0",
    source: "TA-Lib 0.8 CDLIDENTICAL3CROWS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = [first, second, third].iter().all(|candle| candle.is_black())
        && first.close > second.close
        && second.close > third.close
        && about(second.open, first.close, c.equal(2))
        && about(third.open, second.close, c.equal(1))
        && (0..3).all(|back| c.no_lower(back));
    when(found, -1)
}

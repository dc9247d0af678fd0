//! Tristar.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdltristar",
    aliases: &["cdl_tristar"],
    summary: "Tristar.",
    formula: "±100: three doji, all measured against the candles before the first, the second of which gaps up (bearish) or down (bullish) and stays beyond the third; else 0",
    source: "TA-Lib 0.8 CDLTRISTAR",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let tiny = c.tiny(2);
    if [first, second, third].iter().any(|candle| candle.body() > tiny) {
        0
    } else if second.body_gaps(first, -1) && third.bottom() > second.bottom() {
        100
    } else {
        when(second.body_gaps(first, 1) && third.top() < second.top(), -1)
    }
}

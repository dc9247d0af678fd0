//! Advance block.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdladvanceblock",
    aliases: &["cdl_advanceblock"],
    summary: "Advance block.",
    formula: "-100: three white candles with rising closes, each opening within or near the body before, the first long with a short upper shadow, of which the later ones weaken: bodies shrink, or upper shadows grow; else 0",
    source: "TA-Lib 0.8 CDLADVANCEBLOCK",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let follows = |candle: &Candle, before: &Candle, back: usize| {
        candle.close > before.close && candle.open > before.open && candle.open <= before.close + c.near(back)
    };
    let advances = [first, second, third].iter().all(|candle| candle.is_white())
        && follows(second, first, 2)
        && follows(third, second, 1)
        && c.is_long(2)
        && first.upper() < c.short_shadow(2);
    if !advances {
        return 0;
    }
    let shrinks = third.body() < second.body();
    let shadowed = |back: usize| c[back].upper() > c.short_shadow(back);
    let weakens = (second.body() < first.body() - c.far(2) && third.body() < second.body() + c.near(1))
        || third.body() < second.body() - c.far(1)
        || (shrinks && second.body() < first.body() && (shadowed(0) || shadowed(1)))
        || (shrinks && third.upper() > third.body());
    when(weakens, -1)
}

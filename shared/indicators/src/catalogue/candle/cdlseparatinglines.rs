//! Separating lines.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlseparatinglines",
    aliases: &["cdl_separatinglines"],
    summary: "Separating lines.",
    formula: "±100: a candle, and a long one of the other colour with an equal open and no shadow beyond that; else 0",
    source: "TA-Lib 0.8 CDLSEPARATINGLINES",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.sign() == -second.sign()
        && about(second.open, first.open, c.equal(1))
        && c.is_long(0)
        && c.is_belt_hold(0);
    when(found, second.sign())
}

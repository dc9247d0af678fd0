//! Abandoned baby.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlabandonedbaby",
    aliases: &["cdl_abandonedbaby"],
    summary: "Abandoned baby.",
    formula: "±100: a long candle, a doji that gaps on, shadows included, and a long one that gaps back and closes at least the penetration deep in the first body; else 0",
    source: "TA-Lib 0.8 CDLABANDONEDBABY",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.3)],
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = third.sign();
    let found = first.sign() == -sign
        && second.gaps(first, -sign)
        && third.gaps(second, sign)
        && past(third.close, first.pierced(c.penetration), sign)
        && c.is_long(2)
        && c.is_doji(1)
        && c.is_long(0);
    when(found, sign)
}

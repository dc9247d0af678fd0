//! Upside gap two crows.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlupsidegap2crows",
    aliases: &["cdl_upsidegap2crows"],
    summary: "Upside gap two crows.",
    formula: "-100: a long white candle, a black one that is not long whose body gaps up, and a black one that engulfs it and closes above the first close; else 0",
    source: "TA-Lib 0.8 CDLUPSIDEGAP2CROWS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_white()
        && second.is_black()
        && third.is_black()
        && second.body_gaps(first, 1)
        && third.open > second.open
        && third.close < second.close
        && third.close > first.close
        && c.is_long(2)
        && !c.is_long(1);
    when(found, -1)
}

//! Dark cloud cover.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdldarkcloudcover",
    aliases: &["cdl_darkcloudcover"],
    summary: "Dark cloud cover.",
    formula: "-100: a long white candle, and a black one that opens above its high and closes within its body, at least the penetration deep; else 0",
    source: "TA-Lib 0.8 CDLDARKCLOUDCOVER",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.5)],
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_white()
        && second.is_black()
        && second.open > first.high
        && second.close > first.open
        && second.close < first.pierced(c.penetration)
        && c.is_long(1);
    when(found, -1)
}

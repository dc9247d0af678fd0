//! Closing marubozu.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlclosingmarubozu",
    aliases: &["cdl_closingmarubozu"],
    summary: "Closing marubozu.",
    formula: "±100: a long candle without a shadow beyond its close; else 0",
    source: "TA-Lib 0.8 CDLCLOSINGMARUBOZU",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let sign = c[0].sign();
    let closes_at_end = if sign > 0 { c.no_upper(0) } else { c.no_lower(0) };
    when(c.is_long(0) && closes_at_end, sign)
}

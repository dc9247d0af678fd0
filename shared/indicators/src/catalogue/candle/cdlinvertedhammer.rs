//! Inverted hammer.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlinvertedhammer",
    aliases: &["cdl_invertedhammer"],
    summary: "Inverted hammer.",
    formula: "100: a short body that gaps down, an upper shadow longer than it, no lower one; else 0",
    source: "TA-Lib 0.8 CDLINVERTEDHAMMER",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found =
        second.upper() > second.body() && second.body_gaps(first, -1) && c.is_short(0) && c.no_lower(0);
    when(found, 1)
}

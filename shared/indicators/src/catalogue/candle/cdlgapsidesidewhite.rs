//! Up or down gap side-by-side white lines.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlgapsidesidewhite",
    aliases: &["cdl_gapsidesidewhite"],
    summary: "Up or down gap side-by-side white lines.",
    formula: "±100: two white candles of near size and equal opens whose bodies both gap the same way from the candle before; else 0",
    source: "TA-Lib 0.8 CDLGAPSIDESIDEWHITE",
    warm_up: |_| NEAR_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = if second.body_gaps(first, 1) { 1 } else { -1 };
    let found = second.is_white()
        && third.is_white()
        && second.body_gaps(first, sign)
        && third.body_gaps(first, sign)
        && about(third.body(), second.body(), c.near(1))
        && about(third.open, second.open, c.equal(1));
    when(found, sign)
}

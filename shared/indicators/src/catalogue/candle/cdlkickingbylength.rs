//! Kicking by length.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlkickingbylength",
    aliases: &["cdl_kickingbylength"],
    summary: "Kicking by length.",
    formula: "as kicking, with the sign of the longer of the two; else 0",
    source: "TA-Lib 0.8 CDLKICKINGBYLENGTH",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let longer = if c[0].body() > c[1].body() { 0 } else { 1 };
    when(c.is_kicking(), c[longer].sign())
}

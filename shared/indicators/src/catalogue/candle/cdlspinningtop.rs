//! Spinning top.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlspinningtop",
    aliases: &["cdl_spinningtop"],
    summary: "Spinning top.",
    formula: "±100 by colour: a short body with both shadows longer than it; else 0",
    source: "TA-Lib 0.8 CDLSPINNINGTOP",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let body = c[0].body();
    when(
        c[0].upper() > body && c[0].lower() > body && c.is_short(0),
        c[0].sign(),
    )
}

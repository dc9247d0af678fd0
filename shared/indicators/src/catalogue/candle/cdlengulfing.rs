//! Engulfing.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlengulfing",
    aliases: &["cdl_engulfing"],
    summary: "Engulfing.",
    formula: "±100: a body that engulfs one of the other colour; ±80 when they share an end; else 0",
    source: "TA-Lib 0.8 CDLENGULFING",
    warm_up: |_| 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let sign = second.sign();
    if first.sign() != -sign {
        return 0;
    }
    let way = f64::from(sign);
    let (close, open) = (
        way * (second.close - first.open),
        way * (first.close - second.open),
    );
    if close > 0.0 && open > 0.0 {
        100 * sign
    } else if close >= 0.0 && open >= 0.0 && close != open {
        80 * sign
    } else {
        0
    }
}

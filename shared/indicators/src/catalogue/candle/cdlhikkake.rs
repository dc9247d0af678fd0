//! Hikkake.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhikkake",
    aliases: &["cdl_hikkake"],
    summary: "Hikkake.",
    formula: "±100: an inside bar left downwards (bullish) or upwards (bearish), both high and low; ±200 when one of the next three closes beyond the other end of the inside bar; else 0",
    source: "TA-Lib 0.8 CDLHIKKAKE",
    warm_up: |_| 5,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    c.confirmed(|back| {
        let (first, second, third) = (&c[back + 2], &c[back + 1], &c[back]);
        if second.high >= first.high || second.low <= first.low {
            return 0;
        }
        i32::from(third.moves(second, -1)) - i32::from(third.moves(second, 1))
    })
}

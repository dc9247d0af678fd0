//! Modified hikkake.

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhikkakemod",
    aliases: &["cdl_hikkakemod"],
    summary: "Modified hikkake.",
    formula: "±100: two inside bars in a row, the first closing near its low (bullish) or high (bearish), left on that side; ±200 when one of the next three closes beyond the other end of the second; else 0",
    source: "TA-Lib 0.8 CDLHIKKAKEMOD",
    warm_up: |_| NEAR_BARS + 5,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    c.confirmed(|back| {
        let [first, second, third, fourth] = [3, 2, 1, 0].map(|at| c[back + at]);
        let inside = |inner: &Candle, outer: &Candle| inner.high < outer.high && inner.low > outer.low;
        if !inside(&second, &first) || !inside(&third, &second) {
            return 0;
        }
        let near = c.near(back + 2);
        if fourth.moves(&third, -1) && second.close <= second.low + near {
            1
        } else if fourth.moves(&third, 1) && second.close >= second.high - near {
            -1
        } else {
            0
        }
    })
}

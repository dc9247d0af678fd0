//! Three-line strike.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 53.0, 56.0, 55.0, 55.0, 50.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 62.0, 56.0, 55.0, 60.0, 63.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 52.0, 54.0, 49.0, 51.0, 50.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 61.0, 55.0, 54.0, 51.0, 58.0];
//! let row = compute("cdl3linestrike", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3linestrike",
    aliases: &["cdl_3linestrike"],
    summary: "Three-line strike.",
    formula: "±100: three candles of one colour with closes that go on, each opening near the body before, and one against them that opens beyond the third close and closes beyond the first open; else 0",
    source: "TA-Lib 0.8 CDL3LINESTRIKE",
    warm_up: |_| NEAR_BARS + 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth] = c.last();
    let sign = third.sign();
    let opens_near = |candle: &Candle, before: &Candle, near: f64| {
        (before.bottom() - near..=before.top() + near).contains(&candle.open)
    };
    let found = first.sign() == sign
        && second.sign() == sign
        && fourth.sign() == -sign
        && past(second.close, first.close, sign)
        && past(third.close, second.close, sign)
        && past(fourth.open, third.close, sign)
        && past(fourth.close, first.open, -sign)
        && opens_near(second, first, c.near(3))
        && opens_near(third, second, c.near(2));
    when(found, sign)
}

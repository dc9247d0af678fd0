//! Rising or falling three methods.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 49.0, 40.0, 43.0, 49.0, 47.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 50.0, 45.0, 43.0, 49.0, 47.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 38.0, 35.0, 42.0, 49.0, 34.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 43.0, 40.0, 43.0, 49.0, 39.0];
//! let row = compute("cdlrisefall3methods", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlrisefall3methods",
    aliases: &["cdl_risefall3methods"],
    summary: "Rising or falling three methods.",
    formula: "±100: a long candle, three short ones of the other colour that go back and overlap its range, and a long one that opens beyond the last close and closes beyond the first; else 0",
    source: "TA-Lib 0.8 CDLRISEFALL3METHODS",
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let sign = first.sign();
    let rests =
        |candle: &Candle| candle.sign() == -sign && candle.bottom() < first.high && candle.top() > first.low;
    let found = fifth.sign() == sign
        && [second, third, fourth].into_iter().all(rests)
        && past(third.close, second.close, -sign)
        && past(fourth.close, third.close, -sign)
        && past(fifth.open, fourth.close, sign)
        && past(fifth.close, first.close, sign)
        && c.is_long(4)
        && (1..4).all(|back| c.is_short(back))
        && c.is_long(0);
    when(found, sign)
}

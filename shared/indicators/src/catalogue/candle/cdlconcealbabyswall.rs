//! Concealing baby swallow.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 61.0, 71.0, 70.0, 62.0, 65.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 70.0, 65.0, 71.0, 70.0, 67.0, 70.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 65.0, 60.0, 65.0, 64.0, 56.0, 54.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 69.0, 65.0, 65.0, 64.0, 61.0, 59.0];
//! let row = compute("cdlconcealbabyswall", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlconcealbabyswall",
    aliases: &["cdl_concealbabyswall"],
    summary: "Concealing baby swallow.",
    formula: "100: four black candles: two without shadows, one whose body gaps down and whose upper shadow reaches into the body before, and one that engulfs it, shadows included; else 0",
    source: "TA-Lib 0.8 CDLCONCEALBABYSWALL",
    warm_up: |_| LONG_BARS + 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth] = c.last();
    let found = [first, second, third, fourth]
        .iter()
        .all(|candle| candle.is_black())
        && third.body_gaps(second, -1)
        && third.high > second.close
        && fourth.high > third.high
        && fourth.low < third.low
        && c.is_marubozu(3)
        && c.is_marubozu(2)
        && third.upper() > c.tiny(1);
    when(found, 1)
}

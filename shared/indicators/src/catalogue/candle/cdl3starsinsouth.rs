//! Three stars in the south.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0];
//! let high = &[51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0, 51.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0];
//! let close = &[50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5, 50.5];
//! let row = compute("cdl3starsinsouth", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(0.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3starsinsouth",
    aliases: &["cdl_3starsinsouth"],
    summary: "Three stars in the south.",
    formula: "100: a long black candle with a long lower shadow, a smaller black one that opens higher, trades lower and keeps above the first low, a short black one without shadows within the range of the second; else 0",
    source: "TA-Lib 0.8 CDL3STARSINSOUTH",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = [first, second, third].iter().all(|candle| candle.is_black())
        && first.lower() > first.body()
        && second.body() < first.body()
        && second.open > first.close
        && second.open <= first.high
        && second.low < first.close
        && second.low >= first.low
        && third.low > second.low
        && third.high < second.high
        && c.is_long(2)
        && second.lower() > c.tiny(1)
        && c.is_short(0)
        && c.is_marubozu(0);
    when(found, 1)
}

//! Unique three river.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 67.0, 59.0, 58.0, 57.0, 58.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 67.0, 60.0, 63.0, 57.0, 58.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 63.0, 59.0, 52.0, 48.0, 57.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 63.0, 60.0, 52.0, 53.0, 58.0];
//! let row = compute("cdlunique3river", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlunique3river",
    aliases: &["cdl_unique3river"],
    summary: "Unique three river.",
    formula: "100: a long black candle, a black one with its body within the first and a lower low, and a short white one that opens above that low; else 0",
    source: "TA-Lib 0.8 CDLUNIQUE3RIVER",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_black()
        && second.is_black()
        && third.is_white()
        && second.close > first.close
        && second.open <= first.open
        && second.low < first.low
        && third.open > second.low
        && c.is_long(2)
        && c.is_short(0);
    when(found, 1)
}

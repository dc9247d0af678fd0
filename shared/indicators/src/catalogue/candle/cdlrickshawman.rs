//! Rickshaw man.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 63.0, 59.0, 61.0, 58.0, 60.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 63.0, 65.0, 62.0, 63.0, 61.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 62.0, 59.0, 53.0, 53.0, 59.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 63.0, 65.0, 53.0, 54.0, 60.0];
//! let row = compute("cdlrickshawman", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlrickshawman",
    aliases: &["cdl_rickshawman"],
    summary: "Rickshaw man.",
    formula: "100: a doji with both shadows longer than its body, which is near the middle of the range; else 0",
    source: "TA-Lib 0.8 CDLRICKSHAWMAN",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let candle = &c[0];
    let middle = candle.low + candle.range() / 2.0;
    let found = candle.lower() > candle.body()
        && candle.upper() > candle.body()
        && candle.bottom() <= middle + c.near(0)
        && candle.top() >= middle - c.near(0)
        && c.is_doji(0);
    when(found, 1)
}

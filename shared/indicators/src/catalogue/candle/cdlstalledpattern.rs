//! Stalled pattern.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 62.0, 50.0, 43.0, 50.0, 59.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 67.0, 50.0, 52.0, 54.0, 60.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 49.0, 41.0, 43.0, 45.0, 59.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 54.0, 42.0, 51.0, 54.0, 60.0];
//! let row = compute("cdlstalledpattern", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlstalledpattern",
    aliases: &["cdl_stalledpattern"],
    summary: "Stalled pattern.",
    formula: "-100: three white candles with rising closes: a long one, a long one without an upper shadow that opens within or near its body, and a short one at the upper end of that; else 0",
    source: "TA-Lib 0.8 CDLSTALLEDPATTERN",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = [first, second, third].iter().all(|candle| candle.is_white())
        && third.close > second.close
        && second.close > first.close
        && second.open > first.open
        && second.open <= first.close + c.near(2)
        && third.open >= second.close - third.body() - c.near(1)
        && c.is_long(2)
        && c.is_long(1)
        && c.no_upper(1)
        && c.is_short(0);
    when(found, -1)
}

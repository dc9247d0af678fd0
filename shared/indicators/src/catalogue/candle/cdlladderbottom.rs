//! Ladder bottom.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 44.0, 41.0, 34.0, 32.0, 38.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 44.0, 41.0, 34.0, 33.0, 43.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 39.0, 34.0, 33.0, 26.0, 38.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 40.0, 35.0, 33.0, 31.0, 42.0];
//! let row = compute("cdlladderbottom", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlladderbottom",
    aliases: &["cdl_ladderbottom"],
    summary: "Ladder bottom.",
    formula: "100: three black candles with falling opens and closes, a black one with an upper shadow, and a white one that opens above its body and closes above its high; else 0",
    source: "TA-Lib 0.8 CDLLADDERBOTTOM",
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let found = [first, second, third, fourth]
        .iter()
        .all(|candle| candle.is_black())
        && fifth.is_white()
        && first.open > second.open
        && second.open > third.open
        && first.close > second.close
        && second.close > third.close
        && fifth.open > fourth.open
        && fifth.close > fourth.high
        && fourth.upper() > c.tiny(1);
    when(found, 1)
}

//! Three white soldiers.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 40.0, 39.0, 39.0, 44.0, 49.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 51.0, 43.0, 47.0, 50.0, 53.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 40.0, 39.0, 39.0, 43.0, 49.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 46.0, 43.0, 47.0, 50.0, 53.0];
//! let row = compute("cdl3whitesoldiers", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3whitesoldiers",
    aliases: &["cdl_3whitesoldiers"],
    summary: "Three white soldiers.",
    formula: "100: three white candles without upper shadows, with rising closes, each opening within or near the body before and not far shorter than it; the third is not short; else 0",
    source: "TA-Lib 0.8 CDL3WHITESOLDIERS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let follows = |candle: &Candle, before: &Candle, back: usize| {
        candle.close > before.close
            && candle.open > before.open
            && candle.open <= before.close + c.near(back)
            && candle.body() > before.body() - c.far(back)
    };
    let found = [first, second, third].iter().all(|candle| candle.is_white())
        && follows(second, first, 2)
        && follows(third, second, 1)
        && (0..3).all(|back| c.no_upper(back))
        && c.is_long(0);
    when(found, 1)
}

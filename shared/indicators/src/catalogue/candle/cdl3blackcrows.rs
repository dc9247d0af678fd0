//! Three black crows.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 32.0, 27.0, 34.0, 31.0, 26.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 35.0, 37.0, 40.0, 34.0, 36.0, 26.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 32.0, 21.0, 27.0, 28.0, 25.0, 22.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 33.0, 26.0, 35.0, 28.0, 25.0, 22.0];
//! let row = compute("cdl3blackcrows", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3blackcrows",
    aliases: &["cdl_3blackcrows"],
    summary: "Three black crows.",
    formula: "-100: after a white candle three black ones without lower shadows, with falling closes, each opening within the body before; the first closes under the high of the white one; else 0",
    source: "TA-Lib 0.8 CDL3BLACKCROWS",
    warm_up: |_| LONG_BARS + 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [before, first, second, third] = c.last();
    let found = before.is_white()
        && [first, second, third].iter().all(|candle| candle.is_black())
        && before.high > first.close
        && first.close > second.close
        && second.close > third.close
        && first.holds(second.open)
        && second.holds(third.open)
        && (0..3).all(|back| c.no_lower(back));
    when(found, -1)
}

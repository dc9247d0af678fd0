//! Identical three crows.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 36.0, 40.0, 42.0, 38.0, 34.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 37.0, 53.0, 42.0, 38.0, 34.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 35.0, 40.0, 38.0, 34.0, 30.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 36.0, 48.0, 38.0, 34.0, 30.0];
//! let row = compute("cdlidentical3crows", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlidentical3crows",
    aliases: &["cdl_identical3crows"],
    summary: "Identical three crows.",
    formula: "-100: three black candles without lower shadows, with falling closes, each opening at the close before; else 0",
    source: "TA-Lib 0.8 CDLIDENTICAL3CROWS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = [first, second, third].iter().all(|candle| candle.is_black())
        && first.close > second.close
        && second.close > third.close
        && about(second.open, first.close, c.equal(2))
        && about(third.open, second.close, c.equal(1))
        && (0..3).all(|back| c.no_lower(back));
    when(found, -1)
}

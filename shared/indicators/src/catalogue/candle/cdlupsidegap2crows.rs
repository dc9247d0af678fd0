//! Upside gap two crows.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 36.0, 23.0, 21.0, 31.0, 36.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 36.0, 24.0, 27.0, 36.0, 36.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 28.0, 19.0, 20.0, 29.0, 23.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 28.0, 19.0, 27.0, 30.0, 28.0];
//! let row = compute("cdlupsidegap2crows", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlupsidegap2crows",
    aliases: &["cdl_upsidegap2crows"],
    summary: "Upside gap two crows.",
    formula: "-100: a long white candle, a black one that is not long whose body gaps up, and a black one that engulfs it and closes above the first close; else 0",
    source: "TA-Lib 0.8 CDLUPSIDEGAP2CROWS",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_white()
        && second.is_black()
        && third.is_black()
        && second.body_gaps(first, 1)
        && third.open > second.open
        && third.close < second.close
        && third.close > first.close
        && c.is_long(2)
        && !c.is_long(1);
    when(found, -1)
}

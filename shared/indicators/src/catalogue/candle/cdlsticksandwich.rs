//! Stick sandwich.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 53.0, 55.0, 62.0, 64.0, 64.0];
//! let high = &[54.0, 55.0, 58.0, 55.0, 56.0, 67.0, 65.0, 64.0];
//! let low = &[49.0, 52.0, 53.0, 48.0, 54.0, 58.0, 63.0, 53.0];
//! let close = &[53.0, 54.0, 57.0, 54.0, 55.0, 58.0, 65.0, 58.0];
//! let row = compute("cdlsticksandwich", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlsticksandwich",
    aliases: &["cdl_sticksandwich"],
    summary: "Stick sandwich.",
    formula: "100: a black candle, a white one that trades above its close, and a black one with an equal close; else 0",
    source: "TA-Lib 0.8 CDLSTICKSANDWICH",
    warm_up: |_| NEAR_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let found = first.is_black()
        && second.is_white()
        && third.is_black()
        && second.low > first.close
        && about(third.close, first.close, c.equal(2));
    when(found, 1)
}

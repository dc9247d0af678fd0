//! Tasuki gap.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 37.0, 36.0, 39.0, 50.0, 55.0];
//! let high = &[51.0, 50.0, 47.0, 37.0, 36.0, 43.0, 57.0, 60.0];
//! let low = &[48.0, 45.0, 44.0, 28.0, 35.0, 39.0, 45.0, 44.0];
//! let close = &[49.0, 46.0, 45.0, 33.0, 36.0, 43.0, 56.0, 49.0];
//! let row = compute("cdltasukigap", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdltasukigap",
    aliases: &["cdl_tasukigap"],
    summary: "Tasuki gap.",
    formula: "±100: a candle whose body gaps in its direction, and one against it of near size that opens within its body and closes in the gap; else 0",
    source: "TA-Lib 0.8 CDLTASUKIGAP",
    warm_up: |_| NEAR_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = second.sign();
    let gap = if sign > 0 { first.top() } else { first.bottom() };
    let found = third.sign() == -sign
        && second.body_gaps(first, sign)
        && second.holds(third.open)
        && past(third.close, second.open, -sign)
        && past(third.close, gap, sign)
        && (second.body() - third.body()).abs() < c.near(1);
    when(found, sign)
}

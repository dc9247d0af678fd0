//! Three inside up or down.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 62.0, 55.0, 60.0, 56.0, 59.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 63.0, 64.0, 60.0, 57.0, 72.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 62.0, 55.0, 54.0, 56.0, 54.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 62.0, 59.0, 54.0, 56.0, 67.0];
//! let row = compute("cdl3inside", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3inside",
    aliases: &["cdl_3inside"],
    summary: "Three inside up or down.",
    formula: "±100: a long candle, one that is not long with its body within the first, and one against the first that closes beyond its open; else 0",
    source: "TA-Lib 0.8 CDL3INSIDE",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = -first.sign();
    let found = third.sign() == sign
        && second.top() < first.top()
        && second.bottom() > first.bottom()
        && past(third.close, first.open, sign)
        && c.is_long(2)
        && !c.is_long(1);
    when(found, sign)
}

//! Three outside up or down.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[57.0, 57.0, 58.0, 45.0];
//! let high = &[58.0, 62.0, 58.0, 45.0];
//! let low = &[56.0, 56.0, 45.0, 34.0];
//! let close = &[58.0, 57.0, 50.0, 39.0];
//! let row = compute("cdl3outside", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdl3outside",
    aliases: &["cdl_3outside"],
    summary: "Three outside up or down.",
    formula: "±100: a body that engulfs one of the other colour, and a candle that closes further on; else 0",
    source: "TA-Lib 0.8 CDL3OUTSIDE",
    warm_up: |_| 3,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = second.sign();
    let found = first.sign() == -sign
        && past(second.close, first.open, sign)
        && past(second.open, first.close, -sign)
        && past(third.close, second.close, sign);
    when(found, sign)
}

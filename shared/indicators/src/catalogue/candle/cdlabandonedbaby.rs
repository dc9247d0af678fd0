//! Abandoned baby.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 70.0, 66.0, 54.0, 65.0, 63.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 70.0, 71.0, 63.0, 70.0, 63.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 64.0, 57.0, 54.0, 64.0, 52.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 64.0, 58.0, 62.0, 65.0, 57.0];
//! let row = compute("cdlabandonedbaby", &[0.3], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlabandonedbaby",
    aliases: &["cdl_abandonedbaby"],
    summary: "Abandoned baby.",
    formula: "±100: a long candle, a doji that gaps on, shadows included, and a long one that gaps back and closes at least the penetration deep in the first body; else 0",
    source: "TA-Lib 0.8 CDLABANDONEDBABY",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.3)],
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = third.sign();
    let found = first.sign() == -sign
        && second.gaps(first, -sign)
        && third.gaps(second, sign)
        && past(third.close, first.pierced(c.penetration), sign)
        && c.is_long(2)
        && c.is_doji(1)
        && c.is_long(0);
    when(found, sign)
}

//! Separating lines.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 67.0, 58.0, 47.0, 52.0, 52.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 72.0, 58.0, 52.0, 52.0, 52.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 66.0, 52.0, 46.0, 51.0, 45.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 52.0, 51.0, 52.0, 46.0];
//! let row = compute("cdlseparatinglines", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlseparatinglines",
    aliases: &["cdl_separatinglines"],
    summary: "Separating lines.",
    formula: "±100: a candle, and a long one of the other colour with an equal open and no shadow beyond that; else 0",
    source: "TA-Lib 0.8 CDLSEPARATINGLINES",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.sign() == -second.sign()
        && about(second.open, first.open, c.equal(1))
        && c.is_long(0)
        && c.is_belt_hold(0);
    when(found, second.sign())
}

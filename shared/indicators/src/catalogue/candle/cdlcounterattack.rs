//! Counterattack.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 58.0, 58.0, 62.0, 70.0, 60.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 63.0, 58.0, 73.0, 70.0, 66.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 54.0, 58.0, 57.0, 61.0, 59.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 54.0, 58.0, 68.0, 66.0, 66.0];
//! let row = compute("cdlcounterattack", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlcounterattack",
    aliases: &["cdl_counterattack"],
    summary: "Counterattack.",
    formula: "±100: two long candles of opposite colours with equal closes; else 0",
    source: "TA-Lib 0.8 CDLCOUNTERATTACK",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.sign() == -second.sign()
        && c.is_long(1)
        && c.is_long(0)
        && about(second.close, first.close, c.equal(1));
    when(found, second.sign())
}

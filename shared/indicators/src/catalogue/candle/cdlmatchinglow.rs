//! Matching low.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 53.0, 55.0, 60.0, 62.0, 64.0];
//! let high = &[51.0, 50.0, 54.0, 63.0, 65.0, 63.0, 64.0];
//! let low = &[48.0, 45.0, 48.0, 55.0, 56.0, 56.0, 56.0];
//! let close = &[49.0, 46.0, 53.0, 63.0, 56.0, 56.0, 56.0];
//! let row = compute("cdlmatchinglow", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmatchinglow",
    aliases: &["cdl_matchinglow"],
    summary: "Matching low.",
    formula: "100: two black candles with equal closes; else 0",
    source: "TA-Lib 0.8 CDLMATCHINGLOW",
    warm_up: |_| NEAR_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_black() && second.is_black() && about(second.close, first.close, c.equal(1));
    when(found, 1)
}

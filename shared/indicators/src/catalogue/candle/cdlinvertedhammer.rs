//! Inverted hammer.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 30.0, 29.0, 25.0, 18.0, 11.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 30.0, 29.0, 25.0, 18.0, 12.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 25.0, 29.0, 19.0, 13.0, 11.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 30.0, 29.0, 19.0, 18.0, 11.0];
//! let row = compute("cdlinvertedhammer", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlinvertedhammer",
    aliases: &["cdl_invertedhammer"],
    summary: "Inverted hammer.",
    formula: "100: a short body that gaps down, an upper shadow longer than it, no lower one; else 0",
    source: "TA-Lib 0.8 CDLINVERTEDHAMMER",
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found =
        second.upper() > second.body() && second.body_gaps(first, -1) && c.is_short(0) && c.no_lower(0);
    when(found, 1)
}

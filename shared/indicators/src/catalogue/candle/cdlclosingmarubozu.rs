//! Closing marubozu.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 57.0, 57.0, 58.0, 45.0, 45.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 58.0, 62.0, 58.0, 45.0, 50.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 56.0, 56.0, 45.0, 34.0, 37.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 58.0, 57.0, 50.0, 39.0, 37.0];
//! let row = compute("cdlclosingmarubozu", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlclosingmarubozu",
    aliases: &["cdl_closingmarubozu"],
    summary: "Closing marubozu.",
    formula: "±100: a long candle without a shadow beyond its close; else 0",
    source: "TA-Lib 0.8 CDLCLOSINGMARUBOZU",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let sign = c[0].sign();
    let closes_at_end = if sign > 0 { c.no_upper(0) } else { c.no_lower(0) };
    when(c.is_long(0) && closes_at_end, sign)
}

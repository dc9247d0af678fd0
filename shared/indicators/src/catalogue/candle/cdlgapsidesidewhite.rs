//! Up or down gap side-by-side white lines.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 48.0, 51.0, 41.0, 43.0, 43.0];
//! let high = &[51.0, 50.0, 47.0, 53.0, 52.0, 41.0, 43.0, 48.0];
//! let low = &[48.0, 45.0, 44.0, 48.0, 46.0, 36.0, 43.0, 43.0];
//! let close = &[49.0, 46.0, 45.0, 52.0, 47.0, 41.0, 43.0, 43.0];
//! let row = compute("cdlgapsidesidewhite", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlgapsidesidewhite",
    aliases: &["cdl_gapsidesidewhite"],
    summary: "Up or down gap side-by-side white lines.",
    formula: "±100: two white candles of near size and equal opens whose bodies both gap the same way from the candle before; else 0",
    source: "TA-Lib 0.8 CDLGAPSIDESIDEWHITE",
    warm_up: |_| NEAR_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = if second.body_gaps(first, 1) { 1 } else { -1 };
    let found = second.is_white()
        && third.is_white()
        && second.body_gaps(first, sign)
        && third.body_gaps(first, sign)
        && about(third.body(), second.body(), c.near(1))
        && about(third.open, second.open, c.equal(1));
    when(found, sign)
}

//! Takuri.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 35.0, 36.0, 27.0, 22.0, 21.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 35.0, 36.0, 32.0, 22.0, 21.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 35.0, 28.0, 18.0, 16.0, 20.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 35.0, 28.0, 23.0, 21.0, 21.0];
//! let row = compute("cdltakuri", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdltakuri",
    aliases: &["cdl_takuri"],
    summary: "Takuri.",
    formula: "100: a doji without an upper shadow, with a lower one longer than twice its body; else 0",
    source: "TA-Lib 0.8 CDLTAKURI",
    warm_up: |_| LONG_BARS,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let candle = &c[0];
    when(
        candle.lower() > 2.0 * candle.body() && c.is_doji(0) && c.no_upper(0),
        1,
    )
}

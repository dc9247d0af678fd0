//! Dark cloud cover.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 63.0, 64.0, 73.0, 69.0, 76.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 64.0, 73.0, 78.0, 75.0, 77.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 62.0, 63.0, 69.0, 68.0, 65.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 62.0, 68.0, 69.0, 75.0, 70.0];
//! let row = compute("cdldarkcloudcover", &[0.5], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdldarkcloudcover",
    aliases: &["cdl_darkcloudcover"],
    summary: "Dark cloud cover.",
    formula: "-100: a long white candle, and a black one that opens above its high and closes within its body, at least the penetration deep; else 0",
    source: "TA-Lib 0.8 CDLDARKCLOUDCOVER",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.5)],
    warm_up: |_| LONG_BARS + 1,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let found = first.is_white()
        && second.is_black()
        && second.open > first.high
        && second.close > first.open
        && second.close < first.pierced(c.penetration)
        && c.is_long(1);
    when(found, -1)
}

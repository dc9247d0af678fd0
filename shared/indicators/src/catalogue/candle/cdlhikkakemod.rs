//! Modified hikkake.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 44.0, 52.0, 64.0, 61.0, 69.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 48.0, 65.0, 64.0, 62.0, 69.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 39.0, 47.0, 59.0, 61.0, 64.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 48.0, 60.0, 64.0, 61.0, 65.0];
//! let row = compute("cdlhikkakemod", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlhikkakemod",
    aliases: &["cdl_hikkakemod"],
    summary: "Modified hikkake.",
    formula: "±100: two inside bars in a row, the first closing near its low (bullish) or high (bearish), left on that side; ±200 when one of the next three closes beyond the other end of the second; else 0",
    source: "TA-Lib 0.8 CDLHIKKAKEMOD",
    warm_up: |_| NEAR_BARS + 5,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    c.confirmed(|back| {
        let [first, second, third, fourth] = [3, 2, 1, 0].map(|at| c[back + at]);
        let inside = |inner: &Candle, outer: &Candle| inner.high < outer.high && inner.low > outer.low;
        if !inside(&second, &first) || !inside(&third, &second) {
            return 0;
        }
        let near = c.near(back + 2);
        if fourth.moves(&third, -1) && second.close <= second.low + near {
            1
        } else if fourth.moves(&third, 1) && second.close >= second.high - near {
            -1
        } else {
            0
        }
    })
}

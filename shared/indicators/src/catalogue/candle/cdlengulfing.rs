//! Engulfing.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[57.0, 57.0, 58.0];
//! let high = &[58.0, 62.0, 58.0];
//! let low = &[56.0, 56.0, 45.0];
//! let close = &[58.0, 57.0, 50.0];
//! let row = compute("cdlengulfing", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlengulfing",
    aliases: &["cdl_engulfing"],
    summary: "Engulfing.",
    formula: "±100: a body that engulfs one of the other colour; ±80 when they share an end; else 0",
    source: "TA-Lib 0.8 CDLENGULFING",
    warm_up: |_| 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second] = c.last();
    let sign = second.sign();
    if first.sign() != -sign {
        return 0;
    }
    let way = f64::from(sign);
    let (close, open) = (
        way * (second.close - first.open),
        way * (first.close - second.open),
    );
    if close > 0.0 && open > 0.0 {
        100 * sign
    } else if close >= 0.0 && open >= 0.0 && close != open {
        80 * sign
    } else {
        0
    }
}

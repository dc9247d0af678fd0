//! Mat hold.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 57.0, 65.0, 63.0, 62.0, 66.0];
//! let high = &[52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 52.0, 64.0, 65.0, 63.0, 63.0, 67.0];
//! let low = &[49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 49.0, 57.0, 59.0, 62.0, 57.0, 66.0];
//! let close = &[51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 51.0, 50.0, 63.0, 64.0, 62.0, 62.0, 66.0];
//! let row = compute("cdlmathold", &[0.5], &[open, high, low, close])?;
//! assert_eq!(row, [Some(100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlmathold",
    aliases: &["cdl_mathold"],
    summary: "Mat hold.",
    formula: "100: a long white candle, a short black one whose body gaps up, two short ones that fall back into the first body by less than the penetration, and a white one that opens above the last close and closes above their highs; else 0",
    source: "TA-Lib 0.8 CDLMATHOLD",
    parameters: &[Parameter::real("penetration", 0.0, 100.0, 0.5)],
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let floor = first.pierced(c.penetration);
    let holds = |candle: &Candle| candle.bottom() < first.close && candle.bottom() > floor;
    let found = first.is_white()
        && second.is_black()
        && fifth.is_white()
        && second.body_gaps(first, 1)
        && holds(third)
        && holds(fourth)
        && third.top() < second.open
        && fourth.top() < third.top()
        && fifth.open > fourth.close
        && fifth.close > second.high.max(third.high).max(fourth.high)
        && c.is_long(4)
        && (1..4).all(|back| c.is_short(back));
    when(found, 1)
}

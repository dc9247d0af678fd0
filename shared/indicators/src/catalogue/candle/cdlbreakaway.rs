//! Breakaway.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 69.0, 77.0, 87.0, 89.0, 96.0, 92.0];
//! let high = &[54.0, 55.0, 58.0, 59.0, 62.0, 63.0, 66.0, 67.0, 70.0, 71.0, 83.0, 91.0, 94.0, 102.0, 93.0];
//! let low = &[49.0, 52.0, 53.0, 56.0, 57.0, 60.0, 61.0, 64.0, 65.0, 68.0, 72.0, 87.0, 89.0, 91.0, 84.0];
//! let close = &[53.0, 54.0, 57.0, 58.0, 61.0, 62.0, 65.0, 66.0, 69.0, 70.0, 83.0, 91.0, 89.0, 97.0, 84.0];
//! let row = compute("cdlbreakaway", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlbreakaway",
    aliases: &["cdl_breakaway"],
    summary: "Breakaway.",
    formula: "±100: a long candle, one of its colour whose body gaps on, two that go on, the second of them of that colour, and one against them that closes within the gap; else 0",
    source: "TA-Lib 0.8 CDLBREAKAWAY",
    warm_up: |_| LONG_BARS + 4,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third, fourth, fifth] = c.last();
    let sign = first.sign();
    let found = second.sign() == sign
        && fourth.sign() == sign
        && fifth.sign() == -sign
        && second.body_gaps(first, sign)
        && third.moves(second, sign)
        && fourth.moves(third, sign)
        && past(fifth.close, second.open, -sign)
        && past(fifth.close, first.close, sign)
        && c.is_long(4);
    when(found, -sign)
}

//! Upside or downside gap three methods.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 43.0, 40.0];
//! let high = &[50.0, 43.0, 49.0];
//! let low = &[46.0, 36.0, 35.0];
//! let close = &[46.0, 37.0, 48.0];
//! let row = compute("cdlxsidegap3methods", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdlxsidegap3methods",
    aliases: &["cdl_xsidegap3methods"],
    summary: "Upside or downside gap three methods.",
    formula: "±100: two candles of one colour whose bodies gap in their direction, and one against them that opens within the second body and closes within the first; else 0",
    source: "TA-Lib 0.8 CDLXSIDEGAP3METHODS",
    warm_up: |_| 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let sign = first.sign();
    let found = second.sign() == sign
        && third.sign() == -sign
        && second.body_gaps(first, sign)
        && second.holds(third.open)
        && first.holds(third.close);
    when(found, sign)
}

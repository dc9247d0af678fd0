//! Advance block.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let open = &[50.0, 49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 32.0, 36.0, 50.0, 59.0, 64.0];
//! let high = &[51.0, 50.0, 47.0, 46.0, 43.0, 42.0, 39.0, 38.0, 33.0, 45.0, 58.0, 66.0, 68.0];
//! let low = &[48.0, 45.0, 44.0, 41.0, 40.0, 37.0, 36.0, 33.0, 31.0, 35.0, 50.0, 59.0, 64.0];
//! let close = &[49.0, 46.0, 45.0, 42.0, 41.0, 38.0, 37.0, 34.0, 32.0, 44.0, 58.0, 65.0, 68.0];
//! let row = compute("cdladvanceblock", &[], &[open, high, low, close])?;
//! assert_eq!(row, [Some(-100.0)]);
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::candles::*;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = pattern!(find);

pub(crate) const DEFINITION: Definition = Definition {
    name: "cdladvanceblock",
    aliases: &["cdl_advanceblock"],
    summary: "Advance block.",
    formula: "-100: three white candles with rising closes, each opening within or near the body before, the first long with a short upper shadow, of which the later ones weaken: bodies shrink, or upper shadows grow; else 0",
    source: "TA-Lib 0.8 CDLADVANCEBLOCK",
    warm_up: |_| LONG_BARS + 2,
    ..KERNEL.definition()
};

fn find(c: &Candles) -> i32 {
    let [first, second, third] = c.last();
    let follows = |candle: &Candle, before: &Candle, back: usize| {
        candle.close > before.close && candle.open > before.open && candle.open <= before.close + c.near(back)
    };
    let advances = [first, second, third].iter().all(|candle| candle.is_white())
        && follows(second, first, 2)
        && follows(third, second, 1)
        && c.is_long(2)
        && first.upper() < c.short_shadow(2);
    if !advances {
        return 0;
    }
    let shrinks = third.body() < second.body();
    let shadowed = |back: usize| c[back].upper() > c.short_shadow(back);
    let weakens = (second.body() < first.body() - c.far(2) && third.body() < second.body() + c.near(1))
        || third.body() < second.body() - c.far(1)
        || (shrinks && second.body() < first.body() && (shadowed(0) || shadowed(1)))
        || (shrinks && third.upper() > third.body());
    when(weakens, -1)
}

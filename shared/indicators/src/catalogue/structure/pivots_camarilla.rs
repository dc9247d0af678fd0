//! Pivot points of Camarilla.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let day = &[0.0, 0.0, 0.0, 1.0];
//! let row = compute("pivots_camarilla", &[], &[high, low, close, day])?;
//! assert_eq!(
//!     format!("{row:.3?}"),
//!     "[Some(10.333), Some(10.821), Some(11.142), Some(11.463), Some(12.425), Some(10.179), Some(9.858), Some(9.537), Some(8.575)]"
//! );
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, PreviousSession};

pub(crate) const KERNEL: Builder = kernel!(Told<PreviousSession, PivotsCamarilla>: 4 -> 9);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pivots_camarilla",
    aliases: &[],
    summary: "Pivot points of Camarilla: levels from the high, low and close of the session before.",
    formula: "pivot = (h + l + c) / 3, r and s 1.1 (h - l) / 12, / 6, / 4 and / 2 above and below c; absent in the first session",
    source: "Scott 1989",
    outputs: &["pivot", "r1", "r2", "r3", "r4", "s1", "s2", "s3", "s4"],
    warm_up: |_| 1,
    memory: |_| 2 * SESSION_BARS_MAX,
    ..KERNEL.definition()
};

pub(crate) struct PivotsCamarilla;

impl Levels<9> for PivotsCamarilla {
    fn of([high, low, close]: [f64; 3]) -> [f64; 9] {
        let pivot = (high + low + close) / 3.0;
        let [one, two, three, four] = [12.0, 6.0, 4.0, 2.0].map(|part| 1.1 * (high - low) / part);
        [
            pivot,
            close + one,
            close + two,
            close + three,
            close + four,
            close - one,
            close - two,
            close - three,
            close - four,
        ]
    }
}

//! Pivot points of Woodie.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let day = &[0.0, 0.0, 0.0, 1.0];
//! let row = compute("pivots_woodie", &[], &[high, low, close, day])?;
//! assert_eq!(
//!     format!("{row:.3?}"),
//!     "[Some(10.375), Some(12.250), Some(13.875), Some(15.750), Some(8.750), Some(6.875), Some(5.250)]"
//! );
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, PreviousSession, floor_levels};

pub(crate) const KERNEL: Builder = kernel!(Told<PreviousSession, PivotsWoodie>: 4 -> 7);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pivots_woodie",
    aliases: &[],
    summary: "Pivot points of Woodie: levels from the high, low and close of the session before.",
    formula: "pivot = (h + l + 2 c) / 4, the others as in pivots; absent in the first session",
    source: "Wood",
    outputs: &["pivot", "r1", "r2", "r3", "s1", "s2", "s3"],
    warm_up: |_| 1,
    memory: |_| 2 * SESSION_BARS_MAX,
    ..KERNEL.definition()
};

pub(crate) struct PivotsWoodie;

impl Levels<7> for PivotsWoodie {
    fn of([high, low, close]: [f64; 3]) -> [f64; 7] {
        let pivot = (high + low + 2.0 * close) / 4.0;
        floor_levels(pivot, high, low)
    }
}

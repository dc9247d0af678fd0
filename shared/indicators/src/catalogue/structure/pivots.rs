//! Pivot points.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let day = &[0.0, 0.0, 0.0, 1.0];
//! let row = compute("pivots", &[], &[high, low, close, day])?;
//! assert_eq!(
//!     format!("{row:.3?}"),
//!     "[Some(10.333), Some(12.167), Some(13.833), Some(15.667), Some(8.667), Some(6.833), Some(5.167)]"
//! );
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, PreviousSession, floor_levels};

pub(crate) const KERNEL: Builder = kernel!(Told<PreviousSession, Pivots>: 4 -> 7);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pivots",
    aliases: &["pivots_standard"],
    summary: "Pivot points: levels from the high, low and close of the session before.",
    formula: "pivot = (h + l + c) / 3, r1 = 2 pivot - l, r2 = pivot + (h - l), r3 = h + 2 (pivot - l), s1 = 2 pivot - h, s2 = pivot - (h - l), s3 = l - 2 (h - pivot); absent in the first session",
    source: "The floor traders' formula",
    outputs: &["pivot", "r1", "r2", "r3", "s1", "s2", "s3"],
    warm_up: |_| 1,
    memory: |_| 2 * SESSION_BARS_MAX,
    ..KERNEL.definition()
};

pub(crate) struct Pivots;

impl Levels<7> for Pivots {
    fn of([high, low, close]: [f64; 3]) -> [f64; 7] {
        let pivot = (high + low + close) / 3.0;
        floor_levels(pivot, high, low)
    }
}

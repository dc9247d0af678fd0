//! Pivot points by Fibonacci.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let day = &[0.0, 0.0, 0.0, 1.0];
//! let row = compute("pivots_fibonacci", &[], &[high, low, close, day])?;
//! assert_eq!(
//!     format!("{row:.3?}"),
//!     "[Some(10.333), Some(11.670), Some(12.496), Some(13.833), Some(8.996), Some(8.170), Some(6.833)]"
//! );
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, PreviousSession};

pub(crate) const KERNEL: Builder = kernel!(Told<PreviousSession, PivotsFibonacci>: 4 -> 7);

pub(crate) const DEFINITION: Definition = Definition {
    name: "pivots_fibonacci",
    aliases: &[],
    summary: "Pivot points by Fibonacci: levels from the high, low and close of the session before.",
    formula: "pivot = (h + l + c) / 3, r and s 0.382, 0.618 and 1 of h - l above and below it; absent in the first session",
    source: "Common practice",
    outputs: &["pivot", "r1", "r2", "r3", "s1", "s2", "s3"],
    warm_up: |_| 1,
    memory: |_| 2 * SESSION_BARS_MAX,
    ..KERNEL.definition()
};

pub(crate) struct PivotsFibonacci;

impl Levels<7> for PivotsFibonacci {
    fn of([high, low, close]: [f64; 3]) -> [f64; 7] {
        let pivot = (high + low + close) / 3.0;
        let [one, two, three] = [0.382, 0.618, 1.0].map(|share| share * (high - low));
        [
            pivot,
            pivot + one,
            pivot + two,
            pivot + three,
            pivot - one,
            pivot - two,
            pivot - three,
        ]
    }
}

//! Pivot points by Fibonacci.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, SessionLevels};

pub(crate) const KERNEL: Builder = kernel!(SessionLevels<PivotsFibonacci>: 4 -> 7);

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

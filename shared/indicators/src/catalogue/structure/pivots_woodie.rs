//! Pivot points of Woodie.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, SessionLevels, floor_levels};

pub(crate) const KERNEL: Builder = kernel!(SessionLevels<PivotsWoodie>: 4 -> 7);

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

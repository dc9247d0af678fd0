//! Pivot points of Camarilla.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{Levels, SessionLevels};

pub(crate) const KERNEL: Builder = kernel!(SessionLevels<PivotsCamarilla>: 4 -> 9);

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

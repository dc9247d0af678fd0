//! Pivot points of Woodie.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{PreviousSession, floor_levels};

pub(crate) const KERNEL: Builder = kernel!(PivotsWoodie: 4 -> 7);

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

state! { PivotsWoodie { sessions: PreviousSession } }

impl Kernel<f64, 4, 7> for PivotsWoodie {
    const INPUTS: [Input; 4] = HLC_DAY;

    fn new(_: &[f64]) -> Self {
        Self {
            sessions: PreviousSession::new(),
        }
    }

    fn step(&mut self, row: [f64; 4]) -> [f64; 7] {
        self.sessions
            .next(row)
            .map_or([f64::NAN; 7], |[high, low, close]| {
                let pivot = (high + low + 2.0 * close) / 4.0;
                floor_levels(pivot, high, low)
            })
    }
}

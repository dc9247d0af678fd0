//! Pivot points.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::{PreviousSession, floor_levels};

pub(crate) const KERNEL: Builder = kernel!(Pivots: 4 -> 7);

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

state! { Pivots { sessions: PreviousSession } }

impl Kernel<f64, 4, 7> for Pivots {
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
                let pivot = (high + low + close) / 3.0;
                floor_levels(pivot, high, low)
            })
    }
}

//! Pivot points of Camarilla.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::PreviousSession;

pub(crate) const KERNEL: Builder = kernel!(PivotsCamarilla: 4 -> 9);

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

state! { PivotsCamarilla { sessions: PreviousSession } }

impl Kernel<f64, 4, 9> for PivotsCamarilla {
    const INPUTS: [Input; 4] = HLC_DAY;

    fn new(_: &[f64]) -> Self {
        Self {
            sessions: PreviousSession::new(),
        }
    }

    fn step(&mut self, row: [f64; 4]) -> [f64; 9] {
        self.sessions
            .next(row)
            .map_or([f64::NAN; 9], |[high, low, close]| {
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
            })
    }
}

//! Pivot points by Fibonacci.

use crate::SESSION_BARS_MAX;
use crate::prelude::*;
use crate::structure::PreviousSession;

pub(crate) const KERNEL: Builder = kernel!(PivotsFibonacci: 4 -> 7);

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

state! { PivotsFibonacci { sessions: PreviousSession } }

impl Kernel<f64, 4, 7> for PivotsFibonacci {
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
            })
    }
}

//! Zigzag that does not repaint.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("zigzag", &[5.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(9.000), Some(1.000), Some(1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Zigzag: 2 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "zigzag",
    aliases: &["zz"],
    summary: "Turning points of moves of at least some percent, from the bar that confirms them.",
    formula: "a top is confirmed by a low at least percent below it, a bottom by a high at least percent above it; pivot: price of the last one, direction: 1 after a bottom, -1 after a top, both absent before the first; signal: direction on the bar that confirms, else 0",
    source: "Merrill 1977; the leg that is still open is left out",
    outputs: &["pivot", "direction", "signal"],
    parameters: &[Parameter::real("percent", 0.01, 99.0, 5.0)],
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Zigzag { share: f64; top: Option<f64>, bottom: Option<f64>, turn: Option<[f64; 2]> } }

impl Kernel<f64, 2, 3> for Zigzag {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            share: p[0] / 100.0,
            top: None,
            bottom: None,
            turn: None,
        }
    }

    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 3] {
        // Of one bar it is not known whether its high or its low came first, so a bar that
        // carries the leg on does not end it.
        let (top, bottom) = (self.top.unwrap_or(high), self.bottom.unwrap_or(low));
        let direction = self.turn.map(|[_, direction]| direction);
        let falls = direction != Some(-1.0) && high <= top && low <= top * (1.0 - self.share);
        let rises = direction != Some(1.0) && low >= bottom && high >= bottom * (1.0 + self.share);
        let mut signal = 0.0;
        if falls {
            signal = -1.0;
            self.turn = Some([top, signal]);
        } else if rises {
            signal = 1.0;
            self.turn = Some([bottom, signal]);
        }
        // A new leg begins with this bar.
        (self.top, self.bottom) = if signal == 0.0 {
            (Some(top.max(high)), Some(bottom.min(low)))
        } else {
            (Some(high), Some(low))
        };
        let [pivot, direction] = self.turn.unwrap_or([f64::NAN; 2]);
        [pivot, direction, signal]
    }
}

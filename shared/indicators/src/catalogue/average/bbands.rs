//! Bollinger bands.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("bbands", &[2.0, 2.0, 2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(12.750), Some(11.250), Some(9.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Bbands: 1 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "bbands",
    aliases: &["bb", "bollinger"],
    summary: "Bollinger bands: a simple average, and deviations above and below it.",
    formula: "middle = sma(x, period), upper = middle + up × σ, lower = middle - down × σ, σ of the population (ddof 0)",
    source: "Bollinger, TA-Lib 0.8 BBANDS",
    outputs: &["upper", "middle", "lower"],
    parameters: &[
        Parameter::bars("period", 2, 20),
        Parameter::real("up", 0.0, 100.0, 2.0),
        Parameter::real("down", 0.0, 100.0, 2.0),
    ],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Bbands<L> { up: f64, down: f64; window: Squares<L> } }

impl<L: Lane> Kernel<L, 1, 3> for Bbands<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            up: parameters[1],
            down: parameters[2],
            window: Squares::new(parameters.bars(0)),
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 3] {
        let Some(window) = self.window.push(x) else {
            return [L::absent(); 3];
        };
        let middle = window.mean();
        let deviation = window.variance().sqrt();
        [
            middle + deviation.scale(self.up),
            middle,
            middle - deviation.scale(self.down),
        ]
    }
}

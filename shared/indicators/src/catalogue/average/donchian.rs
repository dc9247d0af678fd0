//! Donchian channel.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("donchian", &[2.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(13.000), Some(11.000), Some(9.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Donchian: 2 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "donchian",
    aliases: &["dc"],
    summary: "Donchian channel: highest high, lowest low, and their middle.",
    formula: "upper = max(high, period), lower = min(low, period), middle = (upper + lower) / 2",
    source: "Donchian, TA-Lib 0.8 DONCHIAN",
    outputs: &["upper", "middle", "lower"],
    parameters: &[Parameter::bars("period", 1, 20)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Donchian<L> { range: Range<L> } }

impl<L: Lane> Kernel<L, 2, 3> for Donchian<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(parameters: &[f64]) -> Self {
        Self {
            range: Range::new(parameters.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 3] {
        match self.range.next(high, low) {
            Some((high, low)) => [high, (high + low).scale(0.5), low],
            None => [L::absent(); 3],
        }
    }
}

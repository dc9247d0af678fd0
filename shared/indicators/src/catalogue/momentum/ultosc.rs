//! Williams' ultimate oscillator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("ultosc", &[2.0, 3.0, 4.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(60.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ultosc: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ultosc",
    aliases: &["uo"],
    summary: "Williams' ultimate oscillator.",
    formula: "100 × (4 a1 / b1 + 2 a2 / b2 + a3 / b3) / 7, a the sums of close - true low, b of true ranges, over the periods; 0 for a sum of 0",
    source: "Williams 1985, TA-Lib 0.8 ULTOSC",
    parameters: &[
        Parameter::bars("first", 1, 7),
        Parameter::bars("second", 1, 14),
        Parameter::bars("third", 1, 28),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(0).max(p.length(1)).max(p.length(2)),
    ..KERNEL.definition()
};

state! { Ultosc<L> { close: Previous<L>, pressure: [Sum<L>; 3], range: [Sum<L>; 3] } }

impl<L: Lane> Kernel<L, 3, 1> for Ultosc<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        let mut periods = [p.bars(0), p.bars(1), p.bars(2)];
        periods.sort_unstable();
        Self {
            close: Previous::new(),
            pressure: periods.map(Sum::new),
            range: periods.map(Sum::new),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        let Some(before) = self.close.push(close) else {
            return [L::absent()];
        };
        let lowest = low.min(before);
        let (pressure, range) = (close - lowest, high.max(before) - lowest);
        let mut value = Some(L::zero());
        for (at, weight) in [4.0, 2.0, 1.0].into_iter().enumerate() {
            let pressure = self.pressure[at].push(pressure);
            let range = self.range[at].push(range);
            value = pressure
                .zip(range)
                .zip(value)
                .map(|((pressure, range), value)| value + pressure.sum().over(range.sum()).scale(weight));
        }
        [value.map(|value| value.scale(100.0 / 7.0)).or_absent()]
    }
}

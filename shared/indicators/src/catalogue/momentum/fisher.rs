//! Ehlers' Fisher transform.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5];
//! let row = compute("fisher", &[2.0, 3.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.012), Some(-0.343)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Fisher: 2 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "fisher",
    summary: "Ehlers' Fisher transform.",
    formula: "v = 0.66 × ((hl2 - lowest) / max(highest - lowest, 0.001) - 0.5) + 0.67 × v, kept within ±0.999; fisher = (ln((1 + v) / (1 - v)) + fisher[1]) / 2 from 0; signal = fisher[signal]",
    source: "Ehlers 2002, pandas-ta-classic fisher",
    outputs: &["fisher", "signal"],
    parameters: &[Parameter::bars("period", 1, 9), Parameter::bars("signal", 1, 1)],
    cost: AMORTISED,
    warm_up: |p| window_first(p) + p.length(1),
    memory: |_| 60,
    ..KERNEL.definition()
};

state! { Fisher<L> { range: Range<L>, warm: bool, value: L, fisher: L, old: Lag<L> } }

impl<L: Lane> Kernel<L, 2, 2> for Fisher<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(p: &[f64]) -> Self {
        Self {
            range: Range::new(p.bars(0)),
            warm: false,
            value: L::zero(),
            fisher: L::zero(),
            old: Lag::new(p.bars(1)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 2] {
        let middle = (high + low).scale(0.5);
        let Some((highest, lowest)) = self.range.next(middle, middle) else {
            return [L::absent(); 2];
        };
        if self.warm {
            let position = (middle - lowest) / (highest - lowest).max(L::splat(0.001)) - L::splat(0.5);
            self.value = (position.scale(0.66) + self.value.scale(0.67)).map(|v| {
                if v < -0.99 {
                    -0.999
                } else if v > 0.99 {
                    0.999
                } else {
                    v
                }
            });
            self.fisher = self
                .value
                .zip(self.fisher, |v, old| 0.5 * (((1.0 + v) / (1.0 - v)).ln() + old));
        }
        self.warm = true;
        [self.fisher, self.old.push(self.fisher).or_absent()]
    }
}

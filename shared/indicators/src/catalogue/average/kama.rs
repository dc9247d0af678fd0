//! Kaufman's adaptive moving average.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("kama", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.103)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Kama: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "kama",
    summary: "Kaufman's adaptive moving average: quick in a trend, slow in noise.",
    formula: "kama += s² × (x - kama), s = er × (2/3 - 2/31) + 2/31, er as in `er`; from the value before",
    source: "Kaufman 1995, TA-Lib 0.8 KAMA",
    parameters: &[Parameter::bars("period", 2, 30)],
    cost: AMORTISED,
    warm_up: change_first,
    // At its slowest the average keeps 1 - (2/31)² a bar.
    memory: |_| 5_000,
    ..KERNEL.definition()
};

state! { Kama<L> { efficiency: Efficiency<L>, value: Previous<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Kama<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            efficiency: Efficiency::new(parameters.bars(0)),
            value: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        const SLOW: f64 = 2.0 / 31.0;
        const FAST: f64 = 2.0 / 3.0;
        let Some(efficiency) = self.efficiency.next(x) else {
            self.value.push(x);
            return [L::absent()];
        };
        let step = efficiency.mul_add(FAST - SLOW, L::splat(SLOW));
        let old = self.value.get().unwrap_or(x);
        let value = (x - old).zip3(step * step, old, f64::mul_add);
        self.value.push(value);
        [value]
    }
}

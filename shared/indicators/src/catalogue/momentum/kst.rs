//! Pring's know sure thing.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..24).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("kst", &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(295.052), Some(-1475.709)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Kst: 1 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "kst",
    summary: "Pring's know sure thing.",
    formula: "kst = 100 × (r1 + 2 r2 + 3 r3 + 4 r4), r = sma(roc(x)) over 10/10, 15/10, 20/10, 30/15 by default; signal = sma(kst, signal)",
    source: "Pring, pandas-ta-classic kst",
    outputs: &["kst", "signal"],
    parameters: &[
        Parameter::bars("roc1", 1, 10),
        Parameter::bars("roc2", 1, 15),
        Parameter::bars("roc3", 1, 20),
        Parameter::bars("roc4", 1, 30),
        Parameter::bars("sma1", 1, 10),
        Parameter::bars("sma2", 1, 10),
        Parameter::bars("sma3", 1, 10),
        Parameter::bars("sma4", 1, 15),
        Parameter::bars("signal", 1, 9),
    ],
    cost: AMORTISED,
    warm_up: |p| {
        (0..4)
            .map(|at| p.length(at) + p.length(at + 4))
            .max()
            .unwrap_or(0)
            + p.length(8)
            - 2
    },
    ..KERNEL.definition()
};

state! { Kst<L> { old: [Lag<L>; 4], averages: [Sum<L>; 4], signal: Sum<L> } }

impl<L: Lane> Kernel<L, 1, 2> for Kst<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            old: std::array::from_fn(|at| Lag::new(p.bars(at))),
            averages: std::array::from_fn(|at| Sum::new(p.bars(at + 4))),
            signal: Sum::new(p.bars(8)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 2] {
        let mut value = Some(L::zero());
        for (at, weight) in [100.0, 200.0, 300.0, 400.0].into_iter().enumerate() {
            let change = self.old[at].push(x).map(|old| (x - old).over(old).scale(100.0));
            let average = change.and_then(|change| self.averages[at].push(change));
            value = value
                .zip(average)
                .map(|(value, average)| value + average.mean().scale(weight));
        }
        let signal = value
            .and_then(|value| self.signal.push(value))
            .map(|signal| signal.mean());
        [value.or_absent(), signal.or_absent()]
    }
}

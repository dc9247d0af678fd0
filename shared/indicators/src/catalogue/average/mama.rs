//! Ehlers' MESA adaptive moving average, and the average following it.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..34).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("mama", &[0.5, 0.05], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(104.459), Some(102.471)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::hilbert::Cycle;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Mama: 1 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "mama",
    summary: "Ehlers' MESA adaptive moving average, and the average following it.",
    formula: "mama += a × (x - mama), fama += a / 2 × (mama - fama), a = fast / change of phase, at least slow, at most fast",
    source: "Ehlers 2001, TA-Lib 0.8 MAMA",
    outputs: &["mama", "fama"],
    parameters: &[
        Parameter::real("fast", 0.01, 0.99, 0.5),
        Parameter::real("slow", 0.01, 0.99, 0.05),
    ],
    warm_up: |_| 32,
    memory: |_| 900,
    ..KERNEL.definition()
};

state! { Mama { fast: f64, slow: f64; cycle: Cycle, phase: f64, mama: f64, fama: f64 } }

impl Kernel<f64, 1, 2> for Mama {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            fast: p[0],
            slow: p[1],
            cycle: Cycle::from_bar(12),
            phase: 0.0,
            mama: 0.0,
            fama: 0.0,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        let Some(measured) = self.cycle.next(x) else {
            return [f64::NAN; 2];
        };
        let change = std::mem::replace(&mut self.phase, measured.phase) - measured.phase;
        let weight = if change > 1.0 {
            (self.fast / change).max(self.slow)
        } else {
            self.fast
        };
        self.mama = (1.0 - weight).mul_add(self.mama, weight * x);
        self.fama = (1.0 - weight * 0.5).mul_add(self.fama, weight * 0.5 * self.mama);
        if self.cycle.bars() > 32 {
            [self.mama, self.fama]
        } else {
            [f64::NAN; 2]
        }
    }
}

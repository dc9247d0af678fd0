//! Ehlers' sine wave of the dominant cycle.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..65).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("ht_sine", &[], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.505), Some(-0.253)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::hilbert::{Cycle, Phase, sines};
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(HtSine: 1 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ht_sine",
    summary: "Ehlers' sine wave of the dominant cycle.",
    formula: "sine = sin(phase), lead = sin(phase + 45°)",
    source: "Ehlers 2001, TA-Lib 0.8 HT_SINE",
    outputs: &["sine", "lead"],
    cost: "O(50)",
    warm_up: |_| 63,
    memory: |_| 300,
    ..KERNEL.definition()
};

state! { HtSine { cycle: Cycle, phase: Phase } }

impl Kernel<f64, 1, 2> for HtSine {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(_: &[f64]) -> Self {
        Self {
            cycle: Cycle::from_bar(37),
            phase: Phase::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 2] {
        let Some(measured) = self.cycle.next(x) else {
            return [f64::NAN; 2];
        };
        let (sine, lead) = sines(self.phase.next(&measured));
        if self.cycle.bars() > 63 {
            [sine, lead]
        } else {
            [f64::NAN; 2]
        }
    }
}

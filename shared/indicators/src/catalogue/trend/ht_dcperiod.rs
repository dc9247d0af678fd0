//! Ehlers' dominant cycle period, in bars.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..34).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("ht_dcperiod", &[], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(17.212)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::hilbert::Cycle;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(HtDcperiod: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ht_dcperiod",
    summary: "Ehlers' dominant cycle period, in bars.",
    formula: "the period of the Hilbert transform's phasor, between 6 and 50, smoothed twice",
    source: "Ehlers 2001, TA-Lib 0.8 HT_DCPERIOD",
    warm_up: |_| 32,
    memory: |_| 300,
    ..KERNEL.definition()
};

state! { HtDcperiod { cycle: Cycle } }

impl Kernel<f64, 1, 1> for HtDcperiod {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(_: &[f64]) -> Self {
        Self {
            cycle: Cycle::from_bar(12),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        match self.cycle.next(x) {
            Some(measured) if self.cycle.bars() > 32 => [measured.period],
            _ => [f64::NAN],
        }
    }
}

//! Garman and Klass' volatility, a bar.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let open = &[9.5, 10.5, 10.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("garman_klass", &[2.0], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.160)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes GarmanKlass: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "garman_klass",
    summary: "Garman and Klass' volatility, a bar.",
    formula: "√(mean of ln(high / low)² / 2 - (2 ln 2 - 1) ln(close / open)²), over period",
    source: "Garman and Klass 1980",
    parameters: &[Parameter::bars("period", 1, 20)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { GarmanKlass<L> { window: Sum<L> } }

impl<L: Lane> Kernel<L, 4, 1> for GarmanKlass<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(p: &[f64]) -> Self {
        Self {
            window: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 1] {
        let range = high.zip(low, log_ratio);
        let body = close.zip(open, log_ratio);
        let variance = (range * range).scale(0.5) - (body * body).scale(2.0 * std::f64::consts::LN_2 - 1.0);
        [self
            .window
            .push(variance)
            .map(|window| window.mean().positive().sqrt())
            .or_absent()]
    }
}

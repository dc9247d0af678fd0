//! Acceleration bands.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("accbands", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(17.821), Some(11.250), Some(5.321)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Accbands: 3 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "accbands",
    summary: "Headley's acceleration bands.",
    formula: "upper = sma(high × (1 + w)), lower = sma(low × (1 - w)), w = 4 × (high - low) / (high + low), middle = sma(close)",
    source: "Headley 2002, TA-Lib 0.8 ACCBANDS",
    outputs: &["upper", "middle", "lower"],
    parameters: &[Parameter::bars("period", 2, 20)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Accbands<L> { upper: Sum<L>, middle: Sum<L>, lower: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 3> for Accbands<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(parameters: &[f64]) -> Self {
        let window = Sum::new(parameters.bars(0));
        Self {
            upper: window.clone(),
            middle: window.clone(),
            lower: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 3] {
        let width = (high - low).scale(4.0).over(high + low);
        let one = L::splat(1.0);
        let upper = self.upper.push(high * (one + width));
        let middle = self.middle.push(close);
        let lower = self.lower.push(low * (one - width));
        [upper, middle, lower].map(|window| window.map(|window| window.mean()).or_absent())
    }
}

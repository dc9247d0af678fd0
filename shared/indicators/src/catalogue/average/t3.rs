//! Tillson's T3.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0];
//! let row = compute("t3", &[2.0, 0.7], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(12.312)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes T3: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "t3",
    summary: "Tillson's T3: a generalised double exponential average, thrice.",
    formula: "gd(gd(gd(x))), gd(x) = (1 + factor) × ema(x) - factor × ema(ema(x))",
    source: "Tillson 1998, TA-Lib 0.8 T3",
    parameters: &[
        Parameter::bars("period", 1, 5),
        Parameter::real("factor", 0.0, 1.0, 0.7),
    ],
    warm_up: |p| 6 * window_first(p),
    memory: |p| 6 * settle_exponential_first(p),
    ..KERNEL.definition()
};

state! { T3<L> { weights: [f64; 4]; averages: [Smoothing<L>; 6] } }

impl<L: Lane> Kernel<L, 1, 1> for T3<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        let a = parameters[1];
        Self {
            weights: [
                -a * a * a,
                3.0 * a * a * (1.0 + a),
                -3.0 * a * (2.0 * a + 1.0 + a * a),
                1.0 + 3.0 * a + a * a * a + 3.0 * a * a,
            ],
            averages: std::array::from_fn(|_| Smoothing::exponential(parameters.bars(0))),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let [first, second, third, fourth, fifth, sixth] = &mut self.averages;
        let [w6, w5, w4, w3] = self.weights;
        let value = first
            .next(x)
            .and_then(|e| second.next(e))
            .and_then(|e| third.next(e))
            .and_then(|e3| {
                let e4 = fourth.next(e3)?;
                let e5 = fifth.next(e4)?;
                let e6 = sixth.next(e5)?;
                Some(e6.scale(w6) + e5.scale(w5) + e4.scale(w4) + e3.scale(w3))
            });
        [value.or_absent()]
    }
}

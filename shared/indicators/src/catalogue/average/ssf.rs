//! Ehlers' super smoother.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("ssf", &[2.0, 2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(12.217)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ssf: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ssf",
    summary: "Ehlers' super smoother filter of two or three poles.",
    formula: "two poles: c1 x + b1 ssf[1] + a1 ssf[2], a1 = -e^(-2k), b1 = 2 e^(-k) cos k, c1 = 1 - a1 - b1, k = π √2 / period; from the first values",
    source: "Ehlers 2013, pandas-ta-classic ssf",
    parameters: &[
        Parameter::bars("period", 1, 10),
        Parameter {
            minimum: 2.0,
            ..Parameter::choice("poles", 3, 2)
        },
    ],
    // The slowest pole decays by e^(-π / period) a bar at most.
    memory: |p| (16 * p.length(0)).min(SETTLE_BARS_MAX),
    ..KERNEL.definition()
};

state! { Ssf<L> { poles: u32, weights: [f64; 4]; seen: u32, values: [L; 3] } }

impl<L: Lane> Kernel<L, 1, 1> for Ssf<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        use std::f64::consts::{PI, SQRT_2};
        let poles = parameters.bars(1);
        let weights = if poles == 3 {
            let angle = PI / parameters[0];
            let decay = (-angle).exp();
            let b = 2.0 * decay * (3.0_f64.sqrt() * angle).cos();
            let c = decay * decay;
            let (c4, c3, c2) = (c * c, -c * (1.0 + b), c + b);
            [1.0 - c2 - c3 - c4, c2, c3, c4]
        } else {
            let angle = PI * SQRT_2 / parameters[0];
            let decay = (-angle).exp();
            let (a, b) = (-decay * decay, 2.0 * decay * angle.cos());
            [1.0 - a - b, b, a, 0.0]
        };
        Self {
            poles,
            weights,
            seen: 0,
            values: [L::zero(); 3],
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let [first, second, third] = self.values;
        let [w0, w1, w2, w3] = self.weights;
        let value = if self.seen < self.poles {
            self.seen += 1;
            x
        } else if self.poles == 3 {
            x.scale(w0) + first.scale(w1) + second.scale(w2) + third.scale(w3)
        } else {
            x.scale(w0) + first.scale(w1) + second.scale(w2)
        };
        self.values = [value, first, second];
        [value]
    }
}

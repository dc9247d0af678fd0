//! McGinley's dynamic.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("mcgd", &[2.0, 1.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.866)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Mcgd: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "mcgd",
    summary: "McGinley's dynamic average.",
    formula: "mcgd += (x - mcgd) / (factor × period × (x / mcgd)⁴), the divisor at least 1e-10; from the first value",
    source: "McGinley, pandas-ta-classic mcgd",
    parameters: &[
        Parameter::bars("period", 1, 10),
        Parameter::real("factor", 0.01, 1.0, 1.0),
    ],
    memory: |p| (25 * p.length(0)).min(SETTLE_BARS_MAX),
    ..KERNEL.definition()
};

state! { Mcgd<L> { scale: f64; value: Previous<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Mcgd<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(parameters: &[f64]) -> Self {
        Self {
            scale: parameters[1] * parameters[0],
            value: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let value = self.value.get().map_or(x, |value| {
            x.zip(value, |x, value| {
                let ratio = x / value;
                let divisor = (self.scale * (ratio * ratio) * (ratio * ratio)).max(1e-10);
                let next = value + (x - value) / divisor;
                // From 0, and where the step leaves all bounds, start again.
                if next.abs() <= crate::MAGNITUDE_MAX {
                    next
                } else {
                    x
                }
            })
        });
        self.value.push(value);
        [value]
    }
}

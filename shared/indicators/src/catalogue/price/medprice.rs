//! Middle of high and low.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("medprice", &[], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Medprice: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "medprice",
    summary: "Middle of high and low.",
    formula: "(high + low) / 2",
    source: "TA-Lib 0.8 MEDPRICE",
    ..KERNEL.definition()
};

state! { Medprice<L> { nothing: std::marker::PhantomData<L>;  } }

impl<L: Lane> Kernel<L, 2, 1> for Medprice<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(_: &[f64]) -> Self {
        Self {
            nothing: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 1] {
        [(high + low).scale(0.5)]
    }
}

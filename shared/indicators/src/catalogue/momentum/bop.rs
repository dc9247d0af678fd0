//! Balance of power.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let open = &[9.5, 10.5, 10.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("bop", &[], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.200)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Bop: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "bop",
    summary: "Balance of power.",
    formula: "(close - open) / (high - low); 0 for a bar without range",
    source: "Livshin, TA-Lib 0.8 BOP",
    ..KERNEL.definition()
};

state! { Bop<L> { nothing: std::marker::PhantomData<L>;  } }

impl<L: Lane> Kernel<L, 4, 1> for Bop<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(_: &[f64]) -> Self {
        Self {
            nothing: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 1] {
        [(close - open).over(high - low)]
    }
}

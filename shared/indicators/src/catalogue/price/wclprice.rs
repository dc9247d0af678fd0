//! Mean of high, low and twice the close.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("wclprice", &[], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.875)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Wclprice: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "wclprice",
    summary: "Mean of high, low and twice the close.",
    formula: "(high + low + 2 × close) / 4",
    source: "TA-Lib 0.8 WCLPRICE",
    ..KERNEL.definition()
};

state! { Wclprice<L> { nothing: std::marker::PhantomData<L>;  } }

impl<L: Lane> Kernel<L, 3, 1> for Wclprice<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(_: &[f64]) -> Self {
        Self {
            nothing: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [(high + low + close + close).scale(0.25)]
    }
}

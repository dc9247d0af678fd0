//! Mean of open, high, low and close.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let open = &[9.5, 10.5, 10.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("avgprice", &[], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.750)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Avgprice: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "avgprice",
    summary: "Mean of open, high, low and close.",
    formula: "(open + high + low + close) / 4",
    source: "TA-Lib 0.8 AVGPRICE",
    ..KERNEL.definition()
};

state! { Avgprice<L> { nothing: std::marker::PhantomData<L>;  } }

impl<L: Lane> Kernel<L, 4, 1> for Avgprice<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(_: &[f64]) -> Self {
        Self {
            nothing: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 1] {
        [(open + high + low + close).scale(0.25)]
    }
}

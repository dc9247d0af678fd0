//! True range.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("trange", &[], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(2.500)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Trange: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "trange",
    aliases: &["true_range"],
    summary: "True range.",
    formula: "max(high, close[1]) - min(low, close[1])",
    source: "Wilder 1978, TA-Lib 0.8 TRANGE",
    warm_up: |_| 1,
    ..KERNEL.definition()
};

state! { Trange<L> { range: TrueRange<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Trange<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(_: &[f64]) -> Self {
        Self {
            range: TrueRange::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 1] {
        [self.range.next(high, low, close).or_absent()]
    }
}

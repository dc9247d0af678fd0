//! Drawdown from the highest value so far.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("drawdown", &[], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.000), Some(0.000), Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Drawdown: 1 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "drawdown",
    summary: "Drawdown from the highest value so far.",
    formula: "drawdown = highest - x, fraction = 1 - x / highest, log = ln(highest / x)",
    source: "pandas-ta-classic drawdown",
    outputs: &["drawdown", "fraction", "log"],
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Drawdown<L> { highest: Previous<L> } }

impl<L: Lane> Kernel<L, 1, 3> for Drawdown<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(_: &[f64]) -> Self {
        Self {
            highest: Previous::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 3] {
        let highest = self.highest.get().map_or(x, |highest| highest.max(x));
        self.highest.push(highest);
        [
            highest - x,
            (highest - x).over_or_absent(highest),
            highest.zip(x, log_ratio),
        ]
    }
}

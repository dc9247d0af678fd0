//! Ehlers' instantaneous trend line.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..65).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("ht_trendline", &[], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(108.315)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::hilbert::{Cycle, TrendLine};
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(HtTrendline: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ht_trendline",
    summary: "Ehlers' instantaneous trend line.",
    formula: "means over the dominant cycle, weighted 4 3 2 1",
    source: "Ehlers 2001, TA-Lib 0.8 HT_TRENDLINE",
    cost: "O(50)",
    warm_up: |_| 63,
    memory: |_| 300,
    ..KERNEL.definition()
};

state! { HtTrendline { cycle: Cycle, line: TrendLine } }

impl Kernel<f64, 1, 1> for HtTrendline {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(_: &[f64]) -> Self {
        Self {
            cycle: Cycle::from_bar(37),
            line: TrendLine::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        self.line.push(x);
        let Some(measured) = self.cycle.next(x) else {
            return [f64::NAN];
        };
        let line = self.line.next(measured.period);
        [if self.cycle.bars() > 63 { line } else { f64::NAN }]
    }
}

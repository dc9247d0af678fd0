//! Historical volatility.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("hvol", &[2.0, 252.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(202.107)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Hvol: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "hvol",
    summary: "Historical volatility: the annual deviation of log returns, in percent.",
    formula: "100 × stddev(ln(x / x[1]), period, ddof 1) × √days; absent while a change without a logarithm is in the window",
    source: "pandas-ta-classic hvol",
    parameters: &[
        Parameter::bars("period", 2, 20),
        Parameter::real("days", 1.0, 1e6, 252.0),
    ],
    cost: AMORTISED,
    warm_up: change_first,
    // The second knew no window without a value.
    state_version: 3,
    ..KERNEL.definition()
};

state! { Hvol<L> { scale: f64, period: f64; previous: Previous<L>, window: Squares<L>, unknown: L } }

impl<L: Lane> Kernel<L, 1, 1> for Hvol<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        Self {
            scale: 100.0 * (p[1] / (p[0] - 1.0)).sqrt(),
            period: p[0],
            previous: Previous::new(),
            window: Squares::new(p.bars(0)),
            unknown: L::zero(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let value = self.previous.push(x).and_then(|previous| {
            let change = x.zip(previous, log_ratio);
            // Bars until a change without a logarithm has left the window.
            self.unknown = change.zip(self.unknown, |change, left| {
                if change.is_nan() { self.period } else { left - 1.0 }
            });
            self.unknown = self.unknown.positive();
            let known = change.map(|change| if change.is_nan() { 0.0 } else { change });
            let value = self.window.push(known)?.deviations().sqrt().scale(self.scale);
            Some(value.zip(
                self.unknown,
                |value, left| {
                    if left > 0.0 { f64::NAN } else { value }
                },
            ))
        });
        [value.or_absent()]
    }
}

//! Relative vigour index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0, 13.5];
//! let open = &[9.5, 10.5, 10.0, 11.5, 11.0, 12.5, 12.0, 11.5, 13.0];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0, 13.5, 13.0, 14.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5, 11.0, 10.5, 12.0];
//! let row = compute("rvgi", &[2.0], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.200), Some(0.200), Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rvgi: 4 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rvgi",
    summary: "Relative vigour index.",
    formula: "rvgi = sum(swma(close - open), period) / sum(swma(high - low), period), signal = swma(rvgi), hist = rvgi - signal; swma weights 1 2 2 1; 0 without range",
    source: "Ehlers, pandas-ta-classic rvgi",
    outputs: &["rvgi", "signal", "hist"],
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: |p| p.length(0) + 5,
    ..KERNEL.definition()
};

state! { Rvgi<L> { body: Symmetric<L>, range: Symmetric<L>, bodies: Sum<L>, ranges: Sum<L>, signal: Symmetric<L> } }

impl<L: Lane> Kernel<L, 4, 3> for Rvgi<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(p: &[f64]) -> Self {
        Self {
            body: Symmetric::new(),
            range: Symmetric::new(),
            bodies: Sum::new(p.bars(0)),
            ranges: Sum::new(p.bars(0)),
            signal: Symmetric::new(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 3] {
        let body = self
            .body
            .next(close - open)
            .and_then(|body| self.bodies.push(body));
        let range = self
            .range
            .next(high - low)
            .and_then(|range| self.ranges.push(range));
        let value = body.zip(range).map(|(body, range)| body.sum().over(range.sum()));
        let signal = value.and_then(|value| self.signal.next(value));
        [
            value,
            signal,
            value.zip(signal).map(|(value, signal)| value - signal),
        ]
        .map(OrAbsent::or_absent)
    }
}

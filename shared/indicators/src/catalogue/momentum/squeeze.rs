//! Carter's squeeze.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..14).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let high: Vec<f64> = close.iter().map(|close| close + 1.0).collect();
//! let low: Vec<f64> = close.iter().map(|close| close - 1.5).collect();
//! let row = compute("squeeze", &[2.0, 2.0, 4.0, 1.5, 6.0, 7.0], &[&high, &low, &close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(3.857), Some(1.000), Some(0.000), Some(0.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Squeeze: 3 -> 4);

pub(crate) const DEFINITION: Definition = Definition {
    name: "squeeze",
    summary: "Carter's squeeze: momentum, and whether the bands are within the channel.",
    formula: "squeeze = sma(x - x[12], 6); on: Bollinger bands within the Keltner channel, off: around it, none: neither",
    source: "Carter, pandas-ta-classic squeeze",
    outputs: &["squeeze", "on", "off", "none"],
    parameters: &[
        Parameter::bars("bands", 2, 20),
        Parameter::real("deviations", 0.0, 100.0, 2.0),
        Parameter::bars("channel", 1, 20),
        Parameter::real("factor", 0.0, 100.0, 1.5),
        Parameter::bars("momentum", 1, 12),
        Parameter::bars("smooth", 1, 6),
    ],
    cost: AMORTISED,
    warm_up: |p| {
        (p.length(0) - 1)
            .max(p.length(2))
            .max(p.length(4) + p.length(5) - 1)
    },
    ..KERNEL.definition()
};

state! { Squeeze<L> { deviations: f64, factor: f64; bands: Squares<L>, basis: Sum<L>, range: TrueRange<L>, ranges: Sum<L>, old: Lag<L>, smooth: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 4> for Squeeze<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        Self {
            deviations: p[1],
            factor: p[3],
            bands: Squares::new(p.bars(0)),
            basis: Sum::new(p.bars(2)),
            range: TrueRange::new(),
            ranges: Sum::new(p.bars(2)),
            old: Lag::new(p.bars(4)),
            smooth: Sum::new(p.bars(5)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 4] {
        let bands = self.bands.push(close);
        let basis = self.basis.push(close);
        let range = self
            .range
            .next(high, low, close)
            .and_then(|range| self.ranges.push(range));
        let change = self.old.push(close).map(|old| close - old);
        let squeeze = change
            .and_then(|change| self.smooth.push(change))
            .map(|smooth| smooth.mean())
            .or_absent();
        let (Some(bands), Some(basis), Some(range)) = (bands, basis, range) else {
            return [squeeze, L::absent(), L::absent(), L::absent()];
        };
        let (middle, width) = (bands.mean(), bands.variance().sqrt().scale(self.deviations));
        let (basis, range) = (basis.mean(), range.mean().scale(self.factor));
        let within = |a: L, b: L| a.zip(b, |a, b| f64::from(u8::from(a < b)));
        let on = within(basis - range, middle - width) * within(middle + width, basis + range);
        let off = within(middle - width, basis - range) * within(basis + range, middle + width);
        [squeeze, on, off, L::splat(1.0) - on - off]
    }
}

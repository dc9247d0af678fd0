//! Vortex indicator.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("vortex", &[2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.200), Some(0.800)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Vortex: 3 -> 2);

pub(crate) const DEFINITION: Definition = Definition {
    name: "vortex",
    summary: "Vortex indicator.",
    formula: "plus = sum(|high - low[1]|) / sum(trange), minus = sum(|low - high[1]|) / sum(trange), over period; 0 without range",
    source: "Botes and Siepman 2010, TA-Lib 0.8 VORTEX",
    outputs: &["plus", "minus"],
    parameters: &[Parameter::bars("period", 1, 14)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Vortex<L> { range: TrueRange<L>, high: Previous<L>, low: Previous<L>, ranges: Sum<L>, up: Sum<L>, down: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 2> for Vortex<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(p: &[f64]) -> Self {
        let window = Sum::new(p.bars(0));
        Self {
            range: TrueRange::new(),
            high: Previous::new(),
            low: Previous::new(),
            ranges: window.clone(),
            up: window.clone(),
            down: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 2] {
        let range = self.range.next(high, low, close);
        let before = self.high.push(high).zip(self.low.push(low));
        let Some((range, (before_high, before_low))) = range.zip(before) else {
            return [L::absent(); 2];
        };
        let range = self.ranges.push(range);
        let up = self.up.push((high - before_low).abs());
        let down = self.down.push((low - before_high).abs());
        match (range, up, down) {
            (Some(range), Some(up), Some(down)) => [up.sum().over(range.sum()), down.sum().over(range.sum())],
            _ => [L::absent(); 2],
        }
    }
}

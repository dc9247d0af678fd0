//! Keltner channel.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0];
//! let row = compute("kc", &[2.0, 3.0, 2.0], &[high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(16.250), Some(11.250), Some(6.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Kc: 3 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "kc",
    aliases: &["keltner"],
    summary: "Keltner channel: an exponential average, and average ranges above and below it.",
    formula: "middle = ema(hlc3, period), upper = middle + factor × atr(range), lower = middle - factor × atr(range)",
    source: "TA-Lib 0.8 KC",
    outputs: &["upper", "middle", "lower"],
    parameters: &[
        Parameter::bars("period", 1, 20),
        Parameter::bars("range", 1, 10),
        Parameter::real("factor", 0.0, 100.0, 2.0),
    ],
    warm_up: |p| window_first(p).max(p.length(1)),
    memory: |p| settle_exponential_first(p).max(settle_wilder(p.bars(1))),
    ..KERNEL.definition()
};

state! {
    Kc<L> { factor: f64; late: Late, later: Late, middle: Smoothing<L>, range: AverageRange<L> }
}

impl<L: Lane> Kernel<L, 3, 3> for Kc<L> {
    const INPUTS: [Input; 3] = HLC;

    fn new(parameters: &[f64]) -> Self {
        let (period, range) = (parameters.bars(0), parameters.bars(1));
        let first = (period - 1).max(range);
        Self {
            factor: parameters[2],
            late: Late::by(first + 1 - period),
            later: Late::by(first - range),
            middle: Smoothing::exponential(period),
            range: AverageRange::new(range),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close]: [L; 3]) -> [L; 3] {
        let middle = if self.late.pass() {
            self.middle.next((high + low + close) / L::splat(3.0))
        } else {
            None
        };
        let range = if self.later.pass() {
            self.range.next(high, low, close)
        } else {
            None
        };
        let (Some(middle), Some(range)) = (middle, range) else {
            return [L::absent(); 3];
        };
        let width = range.scale(self.factor);
        [middle + width, middle, middle - width]
    }
}

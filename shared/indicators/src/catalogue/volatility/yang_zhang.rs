//! Yang and Zhang's volatility, a bar.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let open = &[9.5, 10.5, 10.0, 11.5];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("yang_zhang", &[2.0], &[open, high, low, close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.202)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes YangZhang: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "yang_zhang",
    summary: "Yang and Zhang's volatility, a bar.",
    formula: "√(var(overnight) + k × var(open to close) + (1 - k) × mean(rogers satchell)), k = 0.34 / (1.34 + (period + 1) / (period - 1)), ddof 1",
    source: "Yang and Zhang 2000",
    parameters: &[Parameter::bars("period", 2, 20)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { YangZhang<L> { n: f64, k: f64; close: Previous<L>, night: Squares<L>, day: Squares<L>, satchell: Sum<L> } }

impl<L: Lane> Kernel<L, 4, 1> for YangZhang<L> {
    const INPUTS: [Input; 4] = OHLC;

    fn new(p: &[f64]) -> Self {
        let n = p[0];
        Self {
            n,
            k: 0.34 / (1.34 + (n + 1.0) / (n - 1.0)),
            close: Previous::new(),
            night: Squares::new(p.bars(0)),
            day: Squares::new(p.bars(0)),
            satchell: Sum::new(p.bars(0)),
        }
    }

    #[inline(always)]
    fn step(&mut self, [open, high, low, close]: [L; 4]) -> [L; 1] {
        let Some(before) = self.close.push(close) else {
            return [L::absent()];
        };
        let night = self.night.push(open.zip(before, log_ratio));
        let (up, down, body) = (
            high.zip(open, log_ratio),
            low.zip(open, log_ratio),
            close.zip(open, log_ratio),
        );
        let satchell = self.satchell.push(up * (up - body) + down * (down - body));
        match (night, self.day.push(body), satchell) {
            (Some(night), Some(day), Some(satchell)) => {
                let sample = 1.0 / (self.n - 1.0);
                [(night.deviations().scale(sample)
                    + day.deviations().scale(self.k * sample)
                    + satchell.mean().scale(1.0 - self.k))
                .positive()
                .sqrt()]
            }
            _ => [L::absent()],
        }
    }
}

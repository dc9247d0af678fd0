//! Quantitative qualitative estimation.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0, 11.5, 13.0, 12.5, 12.0, 13.5, 14.0, 13.0];
//! let row = compute("qqe", &[2.0, 3.0, 4.236], &[close])?;
//! assert_eq!(
//!     format!("{row:.3?}"),
//!     "[Some(28.911), Some(57.752), Some(28.911), None, Some(28.911), Some(114.023), Some(1.000)]"
//! );
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use super::rsi::Rsi;
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(Qqe: 1 -> 7);

pub(crate) const DEFINITION: Definition = Definition {
    name: "qqe",
    summary: "Quantitative qualitative estimation: a trailing stop on a smoothed relative strength index.",
    formula: "rsi_ma = ema(rsi(x, period), smooth); bands rsi_ma ± factor × ema(ema(|change of rsi_ma|, 2 period - 1), 2 period - 1) that only tighten while rsi_ma keeps within; the trend turns when it crosses one",
    source: "Livshin, pandas-ta-classic qqe",
    outputs: &["qqe", "rsi_ma", "long", "short", "lower", "upper", "trend"],
    parameters: &[
        Parameter::bars("period", 2, 14),
        Parameter::bars("smooth", 1, 5),
        Parameter::real("factor", 0.0, 100.0, 4.236),
    ],
    warm_up: |p| p.length(0) + p.length(1) + 2 * (2 * p.length(0) - 2),
    memory: |p| settle_wilder_first(p) + 2 * settle_exponential(2 * p.bars(0)) + 500,
    ..KERNEL.definition()
};

state! { Qqe { factor: f64; rsi: Rsi<f64>, warm: Late, average: Smoothing<f64>, before: Previous<f64>, once: Smoothing<f64>, twice: Smoothing<f64>, lower: [Option<f64>; 2], upper: [Option<f64>; 2], falling: bool } }

impl Kernel<f64, 1, 7> for Qqe {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        let width = Smoothing::exponential(2 * p.bars(0) - 1);
        Self {
            factor: p[2],
            rsi: Rsi::new(p),
            warm: Late::by(p.bars(0)),
            average: Smoothing::exponential(p.bars(1)),
            before: Previous::new(),
            once: width.clone(),
            twice: width,
            lower: [None; 2],
            upper: [None; 2],
            falling: false,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 7] {
        let [rsi] = self.rsi.step([x]);
        let none = f64::NAN;
        if !self.warm.pass() {
            return [none; 7];
        }
        let Some(rsi) = self.average.next(rsi) else {
            return [none; 7];
        };
        let Some(before) = self.before.push(rsi) else {
            return [none, rsi, none, none, none, none, none];
        };
        let width = self
            .once
            .next((rsi - before).abs())
            .and_then(|once| self.twice.next(once));
        let Some(width) = width.map(|width| width * self.factor) else {
            return [none, rsi, none, none, none, none, none];
        };
        let [old_lower, older_lower] = self.lower.map(OrAbsent::or_absent);
        let [old_upper, older_upper] = self.upper.map(OrAbsent::or_absent);
        let (mut lower, mut upper) = (rsi - width, rsi + width);
        if before > old_lower && rsi > old_lower {
            lower = lower.max(old_lower);
        }
        if before < old_upper && rsi < old_upper {
            upper = upper.min(old_upper);
        }
        if (rsi > old_upper && before < older_upper) || (rsi <= old_upper && before >= older_upper) {
            self.falling = false;
        } else if (rsi > old_lower && before < older_lower) || (rsi <= old_lower && before >= older_lower) {
            self.falling = true;
        }
        self.lower = [Some(lower), self.lower[0]];
        self.upper = [Some(upper), self.upper[0]];
        if self.falling {
            [upper, rsi, none, upper, lower, upper, -1.0]
        } else {
            [lower, rsi, lower, none, lower, upper, 1.0]
        }
    }
}

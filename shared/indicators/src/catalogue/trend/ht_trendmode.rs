//! Ehlers' trend mode.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close: Vec<f64> = (0..65).map(|bar| 100.0 + f64::from(bar * bar % 17)).collect();
//! let row = compute("ht_trendmode", &[], &[&close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::hilbert::{Cycle, Phase, TrendLine, sines};
use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(HtTrendmode: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ht_trendmode",
    summary: "Ehlers' trend mode: 1 in a trend, 0 in a cycle.",
    formula: "0 within half a cycle of a crossing of sine and lead, or while the phase moves as a cycle's does; 1 where the price is 1.5 % off the trend line",
    source: "Ehlers 2001, TA-Lib 0.8 HT_TRENDMODE",
    cost: "O(50)",
    warm_up: |_| 63,
    memory: |_| 300,
    ..KERNEL.definition()
};

state! { HtTrendmode { cycle: Cycle, phase: Phase, line: TrendLine, sine: f64, lead: f64, days: f64 } }

impl Kernel<f64, 1, 1> for HtTrendmode {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(_: &[f64]) -> Self {
        Self {
            cycle: Cycle::from_bar(37),
            phase: Phase::new(),
            line: TrendLine::new(),
            sine: 0.0,
            lead: 0.0,
            days: 0.0,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        self.line.push(x);
        let Some(measured) = self.cycle.next(x) else {
            return [f64::NAN];
        };
        let before = self.phase.phase();
        let phase = self.phase.next(&measured);
        let (sine, lead) = sines(phase);
        let (old_sine, old_lead) = (self.sine, self.lead);
        (self.sine, self.lead) = (sine, lead);
        let line = self.line.next(measured.period);
        let mut trend = 1.0;
        if (sine > lead && old_sine <= old_lead) || (sine < lead && old_sine >= old_lead) {
            self.days = 0.0;
            trend = 0.0;
        }
        self.days = (self.days + 1.0).min(1_000.0);
        if self.days < 0.5 * measured.period {
            trend = 0.0;
        }
        let (change, whole) = (phase - before, 360.0 / measured.period);
        if change > 0.67 * whole && change < 1.5 * whole {
            trend = 0.0;
        }
        if line != 0.0 && ((measured.price - line) / line).abs() >= 0.015 {
            trend = 1.0;
        }
        [if self.cycle.bars() > 63 { trend } else { f64::NAN }]
    }
}

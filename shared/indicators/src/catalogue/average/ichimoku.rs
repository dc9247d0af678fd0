//! Ichimoku.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0, 12.5, 14.0, 13.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5, 10.0, 11.5, 11.0, 10.5];
//! let row = compute("ichimoku", &[2.0, 3.0, 4.0], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.250), Some(11.000), Some(12.000), Some(12.250)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Ichimoku: 2 -> 4);

pub(crate) const DEFINITION: Definition = Definition {
    name: "ichimoku",
    summary: "Ichimoku's lines, spans shifted forward; without chikou, which looks ahead.",
    formula: "tenkan, kijun = middle of the range over their periods; span_a = (tenkan + kijun) / 2 and span_b = middle over senkou, both of kijun bars ago",
    source: "Hosoda, pandas-ta-classic ichimoku",
    outputs: &["span_a", "span_b", "tenkan", "kijun"],
    parameters: &[
        Parameter::bars("tenkan", 1, 9),
        Parameter::bars("kijun", 1, 26),
        Parameter::bars("senkou", 1, 52),
    ],
    cost: AMORTISED,
    warm_up: |p| p.length(2).max(p.length(1)).max(p.length(0)) - 1 + p.length(1),
    ..KERNEL.definition()
};

state! {
    Ichimoku<L> { tenkan: Range<L>, kijun: Range<L>, senkou: Range<L>, span_a: Lag<L>, span_b: Lag<L> }
}

impl<L: Lane> Kernel<L, 2, 4> for Ichimoku<L> {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(parameters: &[f64]) -> Self {
        let shift = parameters.bars(1);
        Self {
            tenkan: Range::new(parameters.bars(0)),
            kijun: Range::new(parameters.bars(1)),
            senkou: Range::new(parameters.bars(2)),
            span_a: Lag::new(shift),
            span_b: Lag::new(shift),
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low]: [L; 2]) -> [L; 4] {
        let middle = |(high, low): (L, L)| (high + low).scale(0.5);
        let tenkan = self.tenkan.next(high, low).map(middle);
        let kijun = self.kijun.next(high, low).map(middle);
        let senkou = self.senkou.next(high, low).map(middle);
        let span_a = tenkan
            .zip(kijun)
            .and_then(|(tenkan, kijun)| self.span_a.push((tenkan + kijun).scale(0.5)));
        let span_b = senkou.and_then(|senkou| self.span_b.push(senkou));
        [span_a, span_b, tenkan, kijun].map(OrAbsent::or_absent)
    }
}

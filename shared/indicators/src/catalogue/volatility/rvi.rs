//! Dorsey's relative volatility index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let row = compute("rvi", &[2.0], &[close])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(93.333)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Rvi: 1 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "rvi",
    summary: "Dorsey's relative volatility index.",
    formula: "100 × u / (u + d), u and d the exponential averages of stddev(x, period) on rises and falls; 0 when nothing moved",
    source: "Dorsey 1993, pandas-ta-classic rvi",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: |p| 2 * window_first(p),
    memory: settle_exponential_first,
    ..KERNEL.definition()
};

state! { Rvi<L> { previous: Previous<L>, window: Squares<L>, up: Smoothing<L>, down: Smoothing<L> } }

impl<L: Lane> Kernel<L, 1, 1> for Rvi<L> {
    const INPUTS: [Input; 1] = CHOSEN;

    fn new(p: &[f64]) -> Self {
        let average = Smoothing::exponential(p.bars(0));
        Self {
            previous: Previous::new(),
            window: Squares::new(p.bars(0)),
            up: average.clone(),
            down: average,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x]: [L; 1]) -> [L; 1] {
        let before = self.previous.push(x);
        let Some((window, before)) = self.window.push(x).zip(before) else {
            return [L::absent()];
        };
        let deviation = window.variance().sqrt();
        let up = deviation.zip3(
            x,
            before,
            |deviation, x, before| if x > before { deviation } else { 0.0 },
        );
        let down = deviation.zip3(
            x,
            before,
            |deviation, x, before| if x < before { deviation } else { 0.0 },
        );
        let up = self.up.next(up);
        let down = self.down.next(down);
        [up.zip(down)
            .map(|(up, down)| up.over(up + down).scale(100.0))
            .or_absent()]
    }
}

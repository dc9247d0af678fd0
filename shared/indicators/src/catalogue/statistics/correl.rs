//! Pearson's correlation of two series.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let other = &[10.0, 10.0, 8.5, 12.0];
//! let row = compute("correl", &[2.0], &[close, other])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(1.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Correl: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "correl",
    summary: "Pearson's correlation of two series.",
    formula: "covariance / (σ of x × σ of y), over period; 0 when either is flat",
    source: "TA-Lib 0.8 CORREL",
    parameters: &[Parameter::bars("period", 2, 30)],
    cost: AMORTISED,
    warm_up: window_first,
    ..KERNEL.definition()
};

state! { Correl<L> { x: Squares<L>, y: Squares<L>, sum: Squares<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Correl<L> {
    const INPUTS: [Input; 2] = CHOSEN_TWO;

    fn new(p: &[f64]) -> Self {
        let window = Squares::new(p.bars(0));
        Self {
            x: window.clone(),
            y: window.clone(),
            sum: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, y]: [L; 2]) -> [L; 1] {
        let x_window = self.x.push(x);
        let y_window = self.y.push(y);
        let (Some(x_window), Some(y_window), Some(sum)) = (x_window, y_window, self.sum.push(x + y)) else {
            return [L::absent()];
        };
        let (x, y) = (x_window.deviations(), y_window.deviations());
        // Σ(x + y)² is Σx² + Σy² + 2 Σxy, of deviations.
        let product = (sum.deviations() - x - y).scale(0.5);
        [product.over((x * y).sqrt()).map(|r| r.clamp(-1.0, 1.0))]
    }
}

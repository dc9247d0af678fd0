//! Beta.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let other = &[10.0, 10.0, 8.5, 12.0];
//! let row = compute("beta", &[2.0], &[close, other])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(2.983)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Beta: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "beta",
    summary: "Beta: the slope of the returns of y on those of x.",
    formula: "covariance of the returns / variance of x's, over period; 0 when x does not move",
    source: "TA-Lib 0.8 BETA",
    parameters: &[Parameter::bars("period", 2, 5)],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Beta<L> { x: Previous<L>, y: Previous<L>, xs: Squares<L>, ys: Squares<L>, sums: Squares<L> } }

impl<L: Lane> Kernel<L, 2, 1> for Beta<L> {
    const INPUTS: [Input; 2] = CHOSEN_TWO;

    fn new(p: &[f64]) -> Self {
        let window = Squares::new(p.bars(0));
        Self {
            x: Previous::new(),
            y: Previous::new(),
            xs: window.clone(),
            ys: window.clone(),
            sums: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, y]: [L; 2]) -> [L; 1] {
        let before = self.x.push(x).zip(self.y.push(y));
        let Some((before_x, before_y)) = before else {
            return [L::absent()];
        };
        let x = (x - before_x).over(before_x);
        let y = (y - before_y).over(before_y);
        let xs = self.xs.push(x);
        let ys = self.ys.push(y);
        let (Some(xs), Some(ys), Some(sums)) = (xs, ys, self.sums.push(x + y)) else {
            return [L::absent()];
        };
        let product = (sums.deviations() - xs.deviations() - ys.deviations()).scale(0.5);
        [product.over(xs.deviations())]
    }
}

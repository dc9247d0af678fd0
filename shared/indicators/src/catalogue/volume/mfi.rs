//! Money flow index.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("mfi", &[2.0], &[high, low, close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(56.687)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(windows Mfi: 4 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "mfi",
    summary: "Money flow index.",
    formula: "100 × p / (p + n), p and n the sums of hlc3 × volume on rises and falls of hlc3 over period; 0 without either",
    source: "Quong and Soudack 1989, TA-Lib 0.8 MFI",
    parameters: &[Parameter::bars("period", 2, 14)],
    cost: AMORTISED,
    warm_up: change_first,
    // Version 2 kept the mean of the three prices, and flows of it.
    state_version: 3,
    ..KERNEL.definition()
};

state! { Mfi<L> { price: Previous<L>, positive: Sum<L>, negative: Sum<L> } }

impl<L: Lane> Kernel<L, 4, 1> for Mfi<L> {
    const INPUTS: [Input; 4] = HLCV;

    fn new(p: &[f64]) -> Self {
        let window = Sum::new(p.bars(0));
        Self {
            price: Previous::new(),
            positive: window.clone(),
            negative: window,
        }
    }

    fn cycle(parameters: &[f64]) -> Option<usize> {
        common_multiple(&parameters[..1])
    }

    #[inline(always)]
    fn step(&mut self, [high, low, close, volume]: [L; 4]) -> [L; 1] {
        // Thrice the typical price: the ratio is the same.
        let price = high + low + close;
        let Some(before) = self.price.push(price) else {
            return [L::absent()];
        };
        // What differs by rounding alone does not flow.
        let noise = (price + before).scale(1e-14);
        let change = price - before;
        let traded = price * volume;
        let flow = |change: L| {
            traded.zip3(
                change,
                noise,
                |traded, change, noise| if change > noise { traded } else { 0.0 },
            )
        };
        let (positive, negative) = (flow(change), flow(-change));
        let sums = self.positive.push(positive).zip(self.negative.push(negative));
        [sums
            .map(|(positive, negative)| {
                let positive = positive.sum().positive();
                positive.over(positive + negative.sum().positive()).scale(100.0)
            })
            .or_absent()]
    }
}

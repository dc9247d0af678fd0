//! Ease of movement.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("eom", &[2.0, 100000000.0], &[high, low, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(967261.905)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(lanes Eom: 3 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "eom",
    summary: "Ease of movement.",
    formula: "sma((hl2 - hl2[1]) × (high - low) × divisor / volume, period); absent while the window has a bar without volume",
    source: "Arms, pandas-ta-classic eom",
    parameters: &[
        Parameter::bars("period", 1, 14),
        Parameter::real("divisor", 1.0, 1e12, 1e8),
    ],
    cost: AMORTISED,
    warm_up: change_first,
    ..KERNEL.definition()
};

state! { Eom<L> { divisor: f64; middle: Previous<L>, window: Sum<L>, quiet: Sum<L> } }

impl<L: Lane> Kernel<L, 3, 1> for Eom<L> {
    const INPUTS: [Input; 3] = HIGH_LOW_VOLUME;

    fn new(p: &[f64]) -> Self {
        let window = Sum::new(p.bars(0));
        Self {
            divisor: p[1],
            middle: Previous::new(),
            window: window.clone(),
            quiet: window,
        }
    }

    #[inline(always)]
    fn step(&mut self, [high, low, volume]: [L; 3]) -> [L; 1] {
        let middle = (high + low).scale(0.5);
        let Some(before) = self.middle.push(middle) else {
            return [L::absent()];
        };
        let ease = ((middle - before) * (high - low))
            .scale(self.divisor)
            .over(volume);
        let window = self.window.push(ease);
        let quiet = self
            .quiet
            .push(volume.map(|volume| f64::from(u8::from(volume == 0.0))));
        [window
            .zip(quiet)
            .map(|(window, quiet)| {
                window.mean().zip(
                    quiet.sum(),
                    |mean, quiet| if quiet > 0.0 { f64::NAN } else { mean },
                )
            })
            .or_absent()]
    }
}

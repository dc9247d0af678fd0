//! On-balance volume.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let row = compute("obv", &[], &[close, volume])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(225.000)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;

pub(crate) const KERNEL: Builder = kernel!(plain Obv: 2 -> 1);

pub(crate) const DEFINITION: Definition = Definition {
    name: "obv",
    summary: "On-balance volume.",
    formula: "the first volume, then + volume when x rises, - volume when it falls",
    source: "Granville 1963, TA-Lib 0.8 OBV",
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Obv<L> { previous: Previous<L>, value: L } }

impl<L: Lane> Kernel<L, 2, 1> for Obv<L> {
    const INPUTS: [Input; 2] = CHOSEN_VOLUME;

    fn new(_: &[f64]) -> Self {
        Self {
            previous: Previous::new(),
            value: L::zero(),
        }
    }

    #[inline(always)]
    fn step(&mut self, [x, volume]: [L; 2]) -> [L; 1] {
        let signed = match self.previous.push(x) {
            Some(previous) => {
                let fallen = (-volume).zip3(
                    x,
                    previous,
                    |volume, x, previous| {
                        if x < previous { volume } else { 0.0 }
                    },
                );
                volume.zip4(
                    fallen,
                    x,
                    previous,
                    |risen, fallen, x, previous| {
                        if x > previous { risen } else { fallen }
                    },
                )
            }
            None => volume,
        };
        self.value = self.value + signed;
        [self.value]
    }
}

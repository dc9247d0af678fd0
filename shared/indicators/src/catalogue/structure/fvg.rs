//! Fair value gaps.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let row = compute("fvg", &[], &[high, low])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(0.000), None, None]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::prelude::*;
use crate::structure::Zone;

pub(crate) const KERNEL: Builder = kernel!(Fvg: 2 -> 3);

pub(crate) const DEFINITION: Definition = Definition {
    name: "fvg",
    aliases: &["fair_value_gap"],
    summary: "Fair value gaps: prices that a bar left out between the bar before and the one after it.",
    formula: "signal: 1 where low > high[2], -1 where high < low[2], else 0; top, bottom: of the newest gap, absent once prices have traded through it",
    source: "Smart money concepts",
    outputs: &["signal", "top", "bottom"],
    warm_up: |_| 2,
    memory: |_| SETTLE_BARS_MAX,
    ..KERNEL.definition()
};

state! { Fvg { highs: Lag<f64>, lows: Lag<f64>, gap: Option<Zone> } }

impl Kernel<f64, 2, 3> for Fvg {
    const INPUTS: [Input; 2] = HIGH_LOW;

    fn new(_: &[f64]) -> Self {
        Self {
            highs: Lag::new(2),
            lows: Lag::new(2),
            gap: None,
        }
    }

    fn step(&mut self, [high, low]: [f64; 2]) -> [f64; 3] {
        let Some((old_high, old_low)) = self.highs.push(high).zip(self.lows.push(low)) else {
            return [f64::NAN; 3];
        };
        self.gap = self.gap.take().filter(|gap| !gap.is_crossed(high, low));
        let new = if low > old_high {
            Some(Zone::new(1.0, low, old_high))
        } else if high < old_low {
            Some(Zone::new(-1.0, old_low, high))
        } else {
            None
        };
        Zone::report(new, &mut self.gap)
    }
}

//! Volume-weighted average price since the beginning of a session, week or month.
//!
//! ```
//! # use tickwire_indicators::compute;
//! let close = &[10.0, 11.0, 10.5, 12.0];
//! let high = &[11.0, 12.0, 11.5, 13.0];
//! let low = &[8.5, 9.5, 9.0, 10.5];
//! let volume = &[100.0, 110.0, 105.0, 120.0];
//! let day = &[0.0, 0.0, 0.0, 1.0];
//! let row = compute("vwap_session", &[], &[high, low, close, volume, day])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(11.833)]");
//! let row = compute("vwap_week", &[], &[high, low, close, volume, day])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.759)]");
//! let row = compute("vwap_month", &[], &[high, low, close, volume, day])?;
//! assert_eq!(format!("{row:.3?}"), "[Some(10.759)]");
//! # Ok::<(), tickwire_indicators::ComputeError>(())
//! ```

use crate::SESSION_BARS_MAX;
use crate::prelude::*;

macro_rules! anchored {
    ($module:ident $name:literal $aliases:expr, $kernel:ident, $since:literal, $source:literal, $days:literal, $key:expr) => {
        pub(crate) mod $module {
            use super::*;

    pub(crate) const KERNEL: Builder = kernel!($kernel: 5 -> 1);

            pub(crate) const DEFINITION: Definition = Definition {
                name: $name,
                aliases: $aliases,
                summary: concat!(
                    "Volume-weighted average price since the first bar of the ",
                    $since,
                    "."
                ),
                formula: concat!(
                    "sum(hlc3 × volume) / sum(volume) since the ",
                    $since,
                    " began; absent until something was traded in it"
                ),
                source: $source,
                memory: |_| $days * SESSION_BARS_MAX,
                ..KERNEL.definition()
            };
        }

        state! { $kernel { anchor: Option<f64>, mean: TradedMean<f64> } }

        impl Kernel<f64, 5, 1> for $kernel {
            const INPUTS: [Input; 5] = HLCV_DAY;

            fn new(_: &[f64]) -> Self {
                Self {
                    anchor: None,
                    mean: TradedMean::new(),
                }
            }

            #[inline(always)]
            fn step(&mut self, [high, low, close, volume, day]: [f64; 5]) -> [f64; 1] {
                let key: f64 = $key(day);
                match self.anchor {
                    // A day before the current one is refused.
                    Some(anchor) if key < anchor => return [f64::NAN],
                    Some(anchor) if key == anchor => {}
                    _ => {
                        self.anchor = Some(key);
                        self.mean = TradedMean::new();
                    }
                }
                [self.mean.next((high + low + close) / 3.0, volume)]
            }
        }
    };
}

anchored!(session "vwap_session" &["vwap_d"], VwapSession, "session", "pandas-ta-classic vwap, anchor D", 1, |day| day);
anchored!(week "vwap_week" &["vwap_w"], VwapWeek, "week", "pandas-ta-classic vwap, anchor W", 7, week);
anchored!(month "vwap_month" &["vwap_m"], VwapMonth, "month", "pandas-ta-classic vwap, anchor M", 31, month);

//! Volume-weighted average price, cumulative and by session.

use crate::{
    Definition, HighLowCloseVolume, Indicator, Input, SETTLE_BARS_MAX, Series, SessionBar, StateError,
    StateReader, StateWriter, indicator::Dynamic, sample::is_usable, state::fingerprint,
};

const NAME: &str = "vwap";
const NAME_SESSION: &str = "vwap_session";

/// Most bars of a session: minutes of a day. What is fed to seed [`VwapSession`].
pub const SESSION_BARS_MAX: usize = 1_440;

/// The mean so far, and the volume it is of.
#[derive(Clone, Copy, Debug, Default)]
struct WeightedMean {
    price: f64,
    volume: f64,
}

impl WeightedMean {
    /// Moves the mean by the new volume's share, which keeps a flat price flat to
    /// the bit, and does not lose small prices in large sums.
    fn next(&mut self, input: HighLowCloseVolume) -> Option<f64> {
        self.volume += input.volume;
        if self.volume == 0.0 {
            return None;
        }
        self.price += (input.typical_price() - self.price) * (input.volume / self.volume);
        Some(self.price)
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        into.number(self.price);
        into.number(self.volume);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.price = from.number()?;
        self.volume = from.number()?;
        if is_usable(self.price) && self.volume >= 0.0 {
            Ok(())
        } else {
            Err(StateError::Damaged)
        }
    }
}

/// Volume-weighted average price since the first bar.
///
/// - Formula: `sum(typical price × volume) / sum(volume)`, with the typical price
///   `(high + low + close) / 3`. Source: TA-Lib VWAP.
/// - No parameters.
/// - Inputs: high, low, close, volume. Output: one value, absent until something
///   was traded (TA-Lib says 0 there, which is no price).
/// - Warm-up: none. Its value depends on the first bar ever fed.
/// - Cost: O(1) a bar, one division; 21 bytes of state.
///
/// ```
/// use tickwire_indicators::{HighLowClose, HighLowCloseVolume, Indicator, Vwap};
///
/// let bar = |price, volume| HighLowCloseVolume {
///     prices: HighLowClose { high: price, low: price, close: price },
///     volume,
/// };
/// let mut vwap = Vwap::new();
/// assert_eq!(vwap.next(bar(10.0, 0.0)), None);
/// assert_eq!(vwap.next(bar(10.0, 100.0)), Some(10.0));
/// assert_eq!(vwap.next(bar(14.0, 300.0)), Some(13.0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Vwap {
    mean: WeightedMean,
}

impl Vwap {
    /// With nothing traded yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Indicator for Vwap {
    type Input = HighLowCloseVolume;
    type Output = f64;

    fn update(&mut self, input: HighLowCloseVolume) -> Option<f64> {
        self.mean.next(input)
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME, &[])
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        self.mean.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.mean.read(from)
    }
}

/// Volume-weighted average price since the session's first bar.
///
/// - Formula: as [`Vwap`], from the first bar of each session. Source:
///   pandas-ta-classic `vwap`, anchor D.
/// - No parameters.
/// - Inputs: high, low, close, volume, session day. A day before the current one is
///   refused. Output: one value, absent until something was traded in the session.
/// - Warm-up: none; seed it with the session's bars.
/// - Cost: O(1) a bar, one division; 30 bytes of state.
///
/// ```
/// use tickwire_indicators::{HighLowClose, HighLowCloseVolume, Indicator, SessionBar, VwapSession};
///
/// let bar = |day, price, volume| SessionBar {
///     bar: HighLowCloseVolume { prices: HighLowClose { high: price, low: price, close: price }, volume },
///     day,
/// };
/// let mut vwap = VwapSession::new();
/// assert_eq!(vwap.next(bar(1.0, 10.0, 100.0)), Some(10.0));
/// assert_eq!(vwap.next(bar(1.0, 14.0, 300.0)), Some(13.0));
/// assert_eq!(vwap.next(bar(2.0, 20.0, 0.0)), None);
/// assert_eq!(vwap.next(bar(2.0, 20.0, 50.0)), Some(20.0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct VwapSession {
    day: Option<f64>,
    mean: WeightedMean,
}

impl VwapSession {
    /// Before its first session.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Indicator for VwapSession {
    type Input = SessionBar;
    type Output = f64;

    fn update(&mut self, input: SessionBar) -> Option<f64> {
        match self.day {
            Some(day) if input.day < day => return None,
            Some(day) if input.day == day => {}
            _ => {
                *self = Self {
                    day: Some(input.day),
                    mean: WeightedMean::default(),
                }
            }
        }
        self.mean.next(input.bar)
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME_SESSION, &[])
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        into.optional(self.day);
        self.mean.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.day = from.optional()?;
        self.mean.read(from)
    }
}

const HIGH_LOW_CLOSE_VOLUME: [Input; 4] = [
    Input::Fixed(Series::High),
    Input::Fixed(Series::Low),
    Input::Fixed(Series::Close),
    Input::Fixed(Series::Volume),
];

pub(crate) const DEFINITION: Definition = Definition {
    name: NAME,
    aliases: &[],
    summary: "Volume-weighted average price since the first bar.",
    inputs: &HIGH_LOW_CLOSE_VOLUME,
    outputs: &["value"],
    parameters: &[],
    source: "TA-Lib 0.8 VWAP",
    warm_up: |_| 0,
    settle: |_| SETTLE_BARS_MAX,
    window: |_| 0,
    build: |_| Ok(Box::new(Dynamic(Vwap::new()))),
};

pub(crate) const DEFINITION_SESSION: Definition = Definition {
    name: NAME_SESSION,
    aliases: &["vwap_d"],
    summary: "Volume-weighted average price since the session's first bar.",
    inputs: {
        let [high, low, close, volume] = HIGH_LOW_CLOSE_VOLUME;
        &[high, low, close, volume, Input::SessionDay]
    },
    outputs: &["value"],
    parameters: &[],
    source: "pandas-ta-classic vwap, anchor D",
    warm_up: |_| 0,
    settle: |_| SESSION_BARS_MAX,
    window: |_| 0,
    build: |_| Ok(Box::new(Dynamic(VwapSession::new()))),
};

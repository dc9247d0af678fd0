//! Average true range.

use crate::{
    Definition, HighLowClose, Indicator, Input, Parameter, ParameterError, Series, StateError, StateReader,
    StateWriter, indicator::Dynamic, smoothing::Smoothing, state::fingerprint,
};

const NAME: &str = "atr";
const PERIOD: Parameter = Parameter::bars("period", 1, 14);

/// Average true range: how far price moves in a bar, gaps included.
///
/// - Formula: the true range `max(high, previous close) - min(low, previous close)`,
///   averaged by Wilder's smoothing, seeded by the mean of the first `period`.
///   Source: Wilder 1978, TA-Lib ATR.
/// - Parameters: `period` 1 to 10,000, default 14.
/// - Inputs: high, low, close. Output: one value.
/// - Warm-up: `period` bars.
/// - Cost: O(1) a bar; 26 bytes of state.
///
/// ```
/// use tickwire_indicators::{Atr, HighLowClose, Indicator};
///
/// let mut atr = Atr::new(1)?;
/// assert_eq!(atr.next(HighLowClose { high: 11.0, low: 9.0, close: 10.0 }), None);
/// assert_eq!(atr.next(HighLowClose { high: 14.0, low: 12.0, close: 13.0 }), Some(4.0));
/// # Ok::<(), tickwire_indicators::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Atr {
    previous: Option<f64>,
    average: Smoothing,
}

impl Atr {
    /// Over `period` bars.
    ///
    /// # Errors
    /// When `period` is out of bounds.
    pub fn new(period: u32) -> Result<Self, ParameterError> {
        PERIOD.check(NAME, period.into())?;
        Ok(Self {
            previous: None,
            average: Smoothing::wilder(period),
        })
    }
}

impl Indicator for Atr {
    type Input = HighLowClose;
    type Output = f64;

    fn update(&mut self, input: HighLowClose) -> Option<f64> {
        let previous = self.previous.replace(input.close)?;
        self.average
            .next(input.high.max(previous) - input.low.min(previous))
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME, &[self.average.period().into()])
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        into.optional(self.previous);
        self.average.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.previous = from.optional()?;
        self.average.read(from)
    }
}

pub(crate) const DEFINITION: Definition = Definition {
    name: NAME,
    aliases: &[],
    summary: "Average true range: how far price moves in a bar, gaps included.",
    inputs: &[
        Input::Fixed(Series::High),
        Input::Fixed(Series::Low),
        Input::Fixed(Series::Close),
    ],
    outputs: &["value"],
    parameters: &[PERIOD],
    source: "Wilder 1978, TA-Lib 0.8 ATR",
    warm_up: |parameters| parameters[0] as usize,
    settle: |parameters| parameters[0] as usize + 1 + Smoothing::wilder(parameters[0] as u32).settle(),
    window: |_| 0,
    build: |parameters| Ok(Box::new(Dynamic(Atr::new(parameters[0] as u32)?))),
};

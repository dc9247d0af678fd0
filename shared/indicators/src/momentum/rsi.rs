//! Relative strength index.

use crate::{
    Definition, Indicator, Input, Parameter, ParameterError, StateError, StateReader, StateWriter,
    indicator::Dynamic, smoothing::Smoothing, state::fingerprint,
};

const NAME: &str = "rsi";
const PERIOD: Parameter = Parameter::bars("period", 2, 14);

/// Relative strength index: the share of gains in all change, 0 to 100.
///
/// - Formula: `100 × gain / (gain + loss)`, both averaged by Wilder's smoothing,
///   seeded by their means over the first `period` changes. 0 where neither was
///   seen (0/0; TA-Lib 0.8.1's answer. Its 0.8.3 says 50.)
///   Source: Wilder 1978, TA-Lib RSI.
/// - Parameters: `period` 2 to 10,000, default 14.
/// - Input: any series. Output: one value.
/// - Warm-up: `period` bars.
/// - Cost: O(1) a bar, one division; 38 bytes of state.
///
/// ```
/// use tickwire_indicators::{Indicator, Rsi};
///
/// let mut rsi = Rsi::new(2)?;
/// let values = [10.0, 11.0, 10.0, 11.0].map(|close| rsi.next(close));
/// assert_eq!(values, [None, None, Some(50.0), Some(75.0)]);
/// # Ok::<(), tickwire_indicators::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rsi {
    previous: Option<f64>,
    gain: Smoothing,
    loss: Smoothing,
}

impl Rsi {
    /// Over `period` changes.
    ///
    /// # Errors
    /// When `period` is out of bounds.
    pub fn new(period: u32) -> Result<Self, ParameterError> {
        PERIOD.check(NAME, period.into())?;
        Ok(Self {
            previous: None,
            gain: Smoothing::wilder(period),
            loss: Smoothing::wilder(period),
        })
    }
}

impl Indicator for Rsi {
    type Input = f64;
    type Output = f64;

    fn update(&mut self, input: f64) -> Option<f64> {
        let change = input - self.previous.replace(input)?;
        let gain = self.gain.next(change.max(0.0));
        let loss = self.loss.next((-change).max(0.0));
        let (gain, loss) = gain.zip(loss)?;
        let total = gain + loss;
        Some(if total > 0.0 { 100.0 * (gain / total) } else { 0.0 })
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME, &[self.gain.period().into()])
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        into.optional(self.previous);
        self.gain.write(into);
        self.loss.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.previous = from.optional()?;
        self.gain.read(from)?;
        self.loss.read(from)
    }
}

pub(crate) const DEFINITION: Definition = Definition {
    name: NAME,
    aliases: &[],
    summary: "Relative strength index: the share of gains in all change, 0 to 100.",
    inputs: &[Input::Chosen],
    outputs: &["value"],
    parameters: &[PERIOD],
    source: "Wilder 1978, TA-Lib 0.8 RSI",
    warm_up: |parameters| parameters[0] as usize,
    settle: |parameters| parameters[0] as usize + 1 + Smoothing::wilder(parameters[0] as u32).settle(),
    window: |_| 0,
    build: |parameters| Ok(Box::new(Dynamic(Rsi::new(parameters[0] as u32)?))),
};

//! Exponential moving average.

use crate::{
    Definition, Indicator, Input, Parameter, ParameterError, StateError, StateReader, StateWriter,
    indicator::Dynamic, smoothing::Smoothing, state::fingerprint,
};

const NAME: &str = "ema";
const PERIOD: Parameter = Parameter::bars("period", 1, 30);

/// Exponential moving average, seeded by a simple one.
///
/// - Formula: `ema += 2 / (period + 1) × (x - ema)`, from the mean of the first
///   `period` values. Source: TA-Lib EMA.
/// - Parameters: `period` 1 to 10,000, default 30.
/// - Input: any series. Output: one value.
/// - Warm-up: `period - 1` bars.
/// - Cost: O(1) a bar; 17 bytes of state.
///
/// ```
/// use tickwire_indicators::{Ema, Indicator};
///
/// let mut ema = Ema::new(3)?;
/// let values = [1.0, 2.0, 3.0, 5.0].map(|close| ema.next(close));
/// assert_eq!(values, [None, None, Some(2.0), Some(3.5)]);
/// # Ok::<(), tickwire_indicators::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ema {
    average: Smoothing,
}

impl Ema {
    /// Over `period` bars.
    ///
    /// # Errors
    /// When `period` is out of bounds.
    pub fn new(period: u32) -> Result<Self, ParameterError> {
        PERIOD.check(NAME, period.into())?;
        Ok(Self {
            average: Smoothing::exponential(period),
        })
    }
}

impl Indicator for Ema {
    type Input = f64;
    type Output = f64;

    fn update(&mut self, input: f64) -> Option<f64> {
        self.average.next(input)
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME, &[self.average.period().into()])
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        self.average.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.average.read(from)
    }
}

pub(crate) const DEFINITION: Definition = Definition {
    name: NAME,
    aliases: &[],
    summary: "Exponential moving average, seeded by a simple one.",
    inputs: &[Input::Chosen],
    outputs: &["value"],
    parameters: &[PERIOD],
    source: "TA-Lib 0.8 EMA",
    warm_up: |parameters| parameters[0] as usize - 1,
    settle: |parameters| parameters[0] as usize + Smoothing::exponential(parameters[0] as u32).settle(),
    window: |_| 0,
    build: |parameters| Ok(Box::new(Dynamic(Ema::new(parameters[0] as u32)?))),
};

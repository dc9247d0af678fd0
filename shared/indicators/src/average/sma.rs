//! Simple moving average.

use crate::{
    Definition, Indicator, Input, Parameter, ParameterError, StateError, StateReader, StateWriter,
    indicator::Dynamic, state::fingerprint, window::Window,
};

const NAME: &str = "sma";
const PERIOD: Parameter = Parameter::bars("period", 1, 30);

/// Simple moving average: the mean of the last `period` values.
///
/// - Formula: `sum(x[t-period+1..=t]) / period`. Source: TA-Lib SMA.
/// - Parameters: `period` 1 to 10,000, default 30.
/// - Input: any series. Output: one value.
/// - Warm-up: `period - 1` bars.
/// - Cost: O(1) a bar, amortised (every `period` bars, `period` additions).
///
/// ```
/// use tickwire_indicators::{Indicator, Sma};
///
/// let mut sma = Sma::new(3)?;
/// let values = [1.0, 2.0, 3.0, 4.0].map(|close| sma.next(close));
/// assert_eq!(values, [None, None, Some(2.0), Some(3.0)]);
/// # Ok::<(), tickwire_indicators::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sma {
    period: u32,
    window: Window<1>,
}

impl Sma {
    /// Over `period` bars.
    ///
    /// # Errors
    /// When `period` is out of bounds.
    pub fn new(period: u32) -> Result<Self, ParameterError> {
        PERIOD.check(NAME, period.into())?;
        Ok(Self {
            period,
            window: Window::new(period),
        })
    }
}

impl Indicator for Sma {
    type Input = f64;
    type Output = f64;

    fn update(&mut self, input: f64) -> Option<f64> {
        self.window.push(input).map(|sums| sums.mean())
    }

    fn preview(&self, input: f64) -> Option<f64> {
        self.window.peek(input).map(|sums| sums.mean())
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME, &[self.period.into()])
    }

    fn write(&self, into: &mut StateWriter<'_>) {
        self.window.write(into);
    }

    fn read(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.read(from)
    }
}

pub(crate) const DEFINITION: Definition = Definition {
    name: NAME,
    aliases: &["ma"],
    summary: "Simple moving average: the mean of the last bars.",
    inputs: &[Input::Chosen],
    outputs: &["value"],
    parameters: &[PERIOD],
    source: "TA-Lib 0.8 SMA",
    warm_up: |parameters| parameters[0] as usize - 1,
    settle: |parameters| parameters[0] as usize,
    window: |parameters| parameters[0] as usize,
    build: |parameters| Ok(Box::new(Dynamic(Sma::new(parameters[0] as u32)?))),
};

//! Bollinger bands.

use crate::{
    Definition, Indicator, Input, Parameter, ParameterError, ParameterKind, Row, StateError, StateReader,
    StateWriter,
    indicator::{Dynamic, fill},
    state::fingerprint,
    window::{Sums, Window},
};

const NAME: &str = "bbands";
const PERIOD: Parameter = Parameter::bars("period", 2, 20);
const UP: Parameter = deviations("up");
const DOWN: Parameter = deviations("down");

const fn deviations(name: &'static str) -> Parameter {
    Parameter {
        name,
        minimum: 0.0,
        maximum: 100.0,
        default: 2.0,
        kind: ParameterKind::Real,
    }
}

/// Bollinger bands: a simple average, and deviations above and below it.
///
/// - Formula: `middle = sma(period)`, `upper = middle + up × σ`,
///   `lower = middle - down × σ`, with σ of the population (ddof 0; pandas_ta takes
///   ddof 1). Source: Bollinger, TA-Lib BBANDS with a simple average.
/// - Parameters: `period` 2 to 10,000, default 20; `up` and `down` 0 to 100, default 2.
/// - Input: any series. Outputs: `upper`, `middle`, `lower`.
/// - Warm-up: `period - 1` bars.
/// - Cost: O(1) a bar, amortised (every `period` bars, 2 × `period` additions); one
///   square root.
///
/// ```
/// use tickwire_indicators::{Bands, Bbands, Indicator};
///
/// let mut bbands = Bbands::new(2, 2.0, 1.0)?;
/// let values = [1.0, 3.0].map(|close| bbands.next(close));
/// assert_eq!(values, [None, Some(Bands { upper: 4.0, middle: 2.0, lower: 1.0 })]);
/// # Ok::<(), tickwire_indicators::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bbands {
    period: u32,
    up: f64,
    down: f64,
    window: Window<2>,
}

/// What [`Bbands`] yields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// Deviations above the average.
    pub upper: f64,
    /// The average.
    pub middle: f64,
    /// Deviations below the average.
    pub lower: f64,
}

impl Row for Bands {
    const COLUMNS: usize = 3;

    fn write(self, into: &mut [Option<f64>]) {
        fill(into, [self.upper, self.middle, self.lower]);
    }
}

impl Bbands {
    /// Over `period` bars, `up` and `down` standard deviations wide.
    ///
    /// # Errors
    /// When a parameter is out of bounds.
    pub fn new(period: u32, up: f64, down: f64) -> Result<Self, ParameterError> {
        PERIOD.check(NAME, period.into())?;
        UP.check(NAME, up)?;
        DOWN.check(NAME, down)?;
        Ok(Self {
            period,
            up,
            down,
            window: Window::new(period),
        })
    }

    fn bands(&self, sums: Sums<2>) -> Bands {
        let middle = sums.mean();
        let deviation = sums.variance().sqrt();
        Bands {
            upper: middle + self.up * deviation,
            middle,
            lower: middle - self.down * deviation,
        }
    }
}

impl Indicator for Bbands {
    type Input = f64;
    type Output = Bands;

    fn update(&mut self, input: f64) -> Option<Bands> {
        let sums = self.window.push(input)?;
        Some(self.bands(sums))
    }

    fn preview(&self, input: f64) -> Option<Bands> {
        self.window.peek(input).map(|sums| self.bands(sums))
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(NAME, &[self.period.into(), self.up, self.down])
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
    aliases: &["bb", "bollinger"],
    summary: "Bollinger bands: a simple average, and deviations above and below it.",
    inputs: &[Input::Chosen],
    outputs: &["upper", "middle", "lower"],
    parameters: &[PERIOD, UP, DOWN],
    source: "Bollinger, TA-Lib 0.8 BBANDS",
    warm_up: |parameters| parameters[0] as usize - 1,
    settle: |parameters| parameters[0] as usize,
    window: |parameters| parameters[0] as usize,
    build: |parameters| {
        Ok(Box::new(Dynamic(Bbands::new(
            parameters[0] as u32,
            parameters[1],
            parameters[2],
        )?)))
    },
};

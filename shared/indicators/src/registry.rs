//! The catalogue: every indicator with its inputs, outputs, parameters and bounds.

use std::fmt;

use crate::{
    Input, PERIOD_BARS_MAX, ParameterError, Running, STATE_BYTES_FIXED_MAX, average, momentum, volatility,
    volume,
};

/// What a parameter counts or scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A whole number, of bars.
    Bars,
    /// Any number within the bounds.
    Real,
}

/// A parameter with its bounds, both taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in an expression.
    pub name: &'static str,
    /// Least that is taken.
    pub minimum: f64,
    /// Most that is taken.
    pub maximum: f64,
    /// Taken when none is given.
    pub default: f64,
    /// What it counts or scales.
    pub kind: ParameterKind,
}

impl Parameter {
    /// A count of bars, from `minimum` to [`PERIOD_BARS_MAX`].
    pub(crate) const fn bars(name: &'static str, minimum: u32, default: u32) -> Self {
        Self {
            name,
            minimum: minimum as f64,
            maximum: PERIOD_BARS_MAX as f64,
            default: default as f64,
            kind: ParameterKind::Bars,
        }
    }

    /// Finds a value within the bounds, and whole if it counts bars.
    pub(crate) fn check(&self, indicator: &'static str, value: f64) -> Result<(), ParameterError> {
        let Self {
            name: parameter,
            minimum,
            maximum,
            ..
        } = *self;
        if !(minimum..=maximum).contains(&value) {
            return Err(ParameterError::OutOfBounds {
                indicator,
                parameter,
                value,
                minimum,
                maximum,
            });
        }
        if self.kind == ParameterKind::Bars && value.fract() != 0.0 {
            return Err(ParameterError::NotWhole {
                indicator,
                parameter,
                value,
            });
        }
        Ok(())
    }
}

type Build = fn(&[f64]) -> Result<Box<dyn Running>, ParameterError>;

/// An indicator of the catalogue.
///
/// The functions take as many parameters as [`parameters`](Self::parameters) names.
/// Definitions are equal when their names are.
#[derive(Clone, Copy)]
pub struct Definition {
    /// Its name in an expression: TA-Lib's where it has the function.
    pub name: &'static str,
    /// Other names it is found by.
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub summary: &'static str,
    /// Its input columns, in order. Chosen ones come first.
    pub inputs: &'static [Input],
    /// Names of its output columns, in order.
    pub outputs: &'static [&'static str],
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// Where the formula comes from.
    pub source: &'static str,
    pub(crate) warm_up: fn(&[f64]) -> usize,
    pub(crate) settle: fn(&[f64]) -> usize,
    pub(crate) window: fn(&[f64]) -> usize,
    pub(crate) build: Build,
}

impl Definition {
    /// An indicator with these parameters, cold.
    ///
    /// # Errors
    /// When parameters are too many, too few, or out of bounds.
    pub fn build(&self, parameters: &[f64]) -> Result<Box<dyn Running>, ParameterError> {
        if parameters.len() != self.parameters.len() {
            return Err(ParameterError::Count {
                indicator: self.name,
                given: parameters.len(),
                taken: self.parameters.len(),
            });
        }
        for (parameter, &value) in self.parameters.iter().zip(parameters) {
            parameter.check(self.name, value)?;
        }
        (self.build)(parameters)
    }

    /// Whether [`build`](Self::build) takes these parameters.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn check(&self, parameters: &[f64]) -> Result<(), ParameterError> {
        self.build(parameters).map(drop)
    }

    /// The default parameters.
    #[must_use]
    pub fn defaults(&self) -> Vec<f64> {
        self.parameters
            .iter()
            .map(|parameter| parameter.default)
            .collect()
    }

    /// Bars that pass without a value of the slowest output: the first value comes
    /// with bar `warm_up + 1`. TA-Lib's lookback.
    #[must_use]
    pub fn warm_up(&self, parameters: &[f64]) -> usize {
        (self.warm_up)(&self.complete(parameters))
    }

    /// Bars to feed when seeding from history, so that the seed of recursive
    /// averages no longer shows: at least `warm_up + 1`.
    #[must_use]
    pub fn settle(&self, parameters: &[f64]) -> usize {
        (self.settle)(&self.complete(parameters))
    }

    /// Most bytes of exported state.
    #[must_use]
    pub fn state_bytes_max(&self, parameters: &[f64]) -> usize {
        8 * (self.window)(&self.complete(parameters)) * self.inputs.len() + STATE_BYTES_FIXED_MAX
    }

    /// How many of its inputs an expression may choose.
    #[must_use]
    pub fn chosen_inputs(&self) -> usize {
        self.inputs
            .iter()
            .filter(|input| **input == Input::Chosen)
            .count()
    }

    /// Defaults in place of missing parameters, so that no function can index past the end.
    fn complete(&self, parameters: &[f64]) -> Vec<f64> {
        let given = parameters
            .iter()
            .copied()
            .map(Some)
            .chain(std::iter::repeat(None));
        self.parameters
            .iter()
            .zip(given)
            .map(|(parameter, given)| given.unwrap_or(parameter.default))
            .collect()
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Definition {}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Definition").field(&self.name).finish()
    }
}

static REGISTRY: [Definition; 8] = [
    average::sma::DEFINITION,
    average::ema::DEFINITION,
    momentum::rsi::DEFINITION,
    momentum::macd::DEFINITION,
    volatility::atr::DEFINITION,
    volatility::bbands::DEFINITION,
    volume::vwap::DEFINITION,
    volume::vwap::DEFINITION_SESSION,
];

/// All indicators.
#[must_use]
pub fn registry() -> &'static [Definition] {
    &REGISTRY
}

/// The indicator of that name or alias (lower case).
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    REGISTRY
        .iter()
        .find(|definition| definition.name == name || definition.aliases.contains(&name))
}

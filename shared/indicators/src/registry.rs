//! The catalogue: every indicator with its inputs, outputs, parameters and bounds.

use std::fmt;

use crate::catalogue::{BUILDS, FAMILIES, REGISTRY};
use crate::many::Many;
use crate::{ComputeError, Input, PERIOD_BARS_MAX, ParameterError, Running};

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

    /// Any number from `minimum` to `maximum`.
    pub(crate) const fn real(name: &'static str, minimum: f64, maximum: f64, default: f64) -> Self {
        Self {
            name,
            minimum,
            maximum,
            default,
            kind: ParameterKind::Real,
        }
    }

    /// A whole number from `minimum` to `maximum`.
    pub(crate) const fn choice(name: &'static str, maximum: u32, default: u32) -> Self {
        Self {
            name,
            minimum: 0.0,
            maximum: maximum as f64,
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

/// Builds one of a definition, with checked parameters.
pub(crate) type Build = fn(&'static Definition, &[f64]) -> Box<dyn Running>;

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
    /// The formula, with what it gives where it has no answer.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// Its input columns, in order. Chosen ones come first.
    pub inputs: &'static [Input],
    /// Names of its output columns, in order.
    pub outputs: &'static [&'static str],
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// What a bar costs.
    pub cost: &'static str,
    pub(crate) warm_up: fn(&[f64]) -> usize,
    /// Bars beyond the warm-up until the first bar no longer shows.
    pub(crate) memory: fn(&[f64]) -> usize,
    /// Names of parameters, each of which must be less than the next.
    pub(crate) ordered: &'static [&'static str],
    pub(crate) state_version: u8,
    /// Whether it is computed in lanes.
    pub(crate) lanes: bool,
    /// Its place in the tables of the catalogue.
    pub(crate) place: usize,
}

/// What computes an indicator, and what follows from that for its definition.
#[derive(Clone, Copy)]
pub(crate) struct Builder {
    pub(crate) inputs: &'static [Input],
    pub(crate) build: Build,
    pub(crate) many: Option<Many>,
}

/// Cost of what does the same for every bar.
pub(crate) const CONSTANT: &str = "O(1)";
/// Cost of what folds a window.
pub(crate) const AMORTISED: &str = "O(1) amortised: once in a window, a pass over it";

/// The [`Builder`] of a kernel. `lanes` in front of it says that it does not branch on
/// values.
///
/// `plain` says that beside this it multiplies and adds with two roundings, where it does both.
///
/// `windows` says that beside these its values depend on the last bars only: that it has a
/// [`cycle`](crate::kernel::Kernel::cycle).
macro_rules! kernel {
    (windows $kernel:ident: $inputs:literal -> $outputs:literal) => {
        $crate::registry::Builder {
            build: $crate::kernel::Scalar::<$kernel<f64>, $inputs, $outputs, false>::beside::<$kernel<$crate::lane::Lanes>>,
            ..$crate::registry::kernel!(lanes $kernel: $inputs -> $outputs)
        }
    };
    (plain $kernel:ident: $inputs:literal -> $outputs:literal) => {
        $crate::registry::Builder {
            build: $crate::kernel::Scalar::<$kernel<f64>, $inputs, $outputs, false>::boxed,
            ..$crate::registry::kernel!(lanes $kernel: $inputs -> $outputs)
        }
    };
    (lanes $kernel:ident: $inputs:literal -> $outputs:literal) => {
        $crate::registry::Builder {
            many: Some($crate::many::many::<$kernel<$crate::lane::Lanes>, $inputs, $outputs>),
            ..$crate::registry::kernel!($kernel<f64>: $inputs -> $outputs)
        }
    };
    ($kernel:ty: $inputs:literal -> $outputs:literal) => {
        $crate::registry::Builder {
            inputs: &<$kernel as $crate::kernel::Kernel<f64, $inputs, $outputs>>::INPUTS,
            build: $crate::kernel::Scalar::<$kernel, $inputs, $outputs, true>::boxed,
            many: None,
        }
    };
}
pub(crate) use kernel;

impl Builder {
    /// What a definition need not say.
    pub(crate) const fn definition(&self) -> Definition {
        Definition {
            name: "",
            aliases: &[],
            summary: "",
            formula: "",
            source: "",
            inputs: self.inputs,
            outputs: &["value"],
            parameters: &[],
            cost: CONSTANT,
            warm_up: |_| 0,
            memory: |_| 0,
            ordered: &[],
            state_version: 2,
            lanes: self.many.is_some(),
            place: 0,
        }
    }
}

impl Definition {
    /// An indicator with these parameters, cold.
    ///
    /// # Errors
    /// When parameters are too many, too few, or out of bounds.
    pub fn build(&'static self, parameters: &[f64]) -> Result<Box<dyn Running>, ParameterError> {
        self.check(parameters)?;
        Ok(BUILDS[self.place](self, parameters))
    }

    /// Whether [`build`](Self::build) takes these parameters.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn check(&self, parameters: &[f64]) -> Result<(), ParameterError> {
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
        let value = |name| {
            let at = self
                .parameters
                .iter()
                .position(|parameter| parameter.name == name);
            at.map(|at| parameters[at])
        };
        for pair in self.ordered.windows(2) {
            if value(pair[0]) >= value(pair[1]) {
                return Err(ParameterError::Order {
                    indicator: self.name,
                    lesser: pair[0],
                    greater: pair[1],
                });
            }
        }
        Ok(())
    }

    /// Its family, such as `momentum`.
    #[must_use]
    pub fn family(&self) -> &'static str {
        FAMILIES[self.place]
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
        let parameters = self.complete(parameters);
        (self.warm_up)(&parameters) + 1 + (self.memory)(&parameters)
    }

    /// Most bytes of exported state.
    #[must_use]
    pub fn state_bytes_max(&'static self, parameters: &[f64]) -> usize {
        self.build(&self.complete(parameters))
            .map_or(0, |running| running.state_bytes_max())
    }

    /// How many of its inputs an expression may choose.
    #[must_use]
    pub fn chosen_inputs(&self) -> usize {
        self.inputs
            .iter()
            .filter(|input| **input == Input::Chosen)
            .count()
    }

    /// Whether many instruments are computed side by side.
    #[must_use]
    pub fn has_lanes(&self) -> bool {
        self.lanes
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

/// The last row of an indicator over whole columns: for examples and experiments.
///
/// # Errors
/// When there is no such indicator, or it takes other parameters or columns.
pub fn compute(name: &str, parameters: &[f64], columns: &[&[f64]]) -> Result<Vec<Option<f64>>, ComputeError> {
    let definition = find(name).ok_or_else(|| ComputeError::UnknownName(name.to_owned()))?;
    let mut running = definition.build(parameters)?;
    let columns: Vec<_> = columns.iter().map(|column| (*column).into()).collect();
    let values = running.batch(&columns)?;
    let last = |row: ndarray::ArrayView1<'_, f64>| row.last().copied().filter(|value| value.is_finite());
    Ok(values.rows().into_iter().map(last).collect())
}

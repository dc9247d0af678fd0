//! What can be refused, and what to do about it.

/// A parameter that an indicator does not take.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// Outside the bounds.
    #[error("{indicator}: {parameter} is {value}, give {minimum} to {maximum}")]
    OutOfBounds {
        /// The indicator's name.
        indicator: &'static str,
        /// The parameter's name.
        parameter: &'static str,
        /// What was given.
        value: f64,
        /// Least that is taken.
        minimum: f64,
        /// Most that is taken.
        maximum: f64,
    },
    /// A count of bars with a fraction.
    #[error("{indicator}: {parameter} is {value}, give a whole number")]
    NotWhole {
        /// The indicator's name.
        indicator: &'static str,
        /// The parameter's name.
        parameter: &'static str,
        /// What was given.
        value: f64,
    },
    /// Two parameters the wrong way round.
    #[error("{indicator}: {lesser} must be less than {greater}")]
    Order {
        /// The indicator's name.
        indicator: &'static str,
        /// The parameter that must be less.
        lesser: &'static str,
        /// The parameter that must be greater.
        greater: &'static str,
    },
    /// Too many or too few.
    #[error("{indicator}: {given} parameters given, it takes {taken}")]
    Count {
        /// The indicator's name.
        indicator: &'static str,
        /// How many were given.
        given: usize,
        /// How many it takes.
        taken: usize,
    },
}

impl ParameterError {
    /// The parameter to change; `None` when their number is wrong.
    #[must_use]
    pub fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::OutOfBounds { parameter, .. } | Self::NotWhole { parameter, .. } => Some(parameter),
            Self::Order { lesser, .. } => Some(lesser),
            Self::Count { .. } => None,
        }
    }
}

/// Stored state that cannot be continued. The indicator is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by another version of the state's form.
    #[error("state has version {found}, this build reads {expected}: seed from history")]
    Version {
        /// The version in the bytes.
        found: u8,
        /// The version that is read here.
        expected: u8,
    },
    /// Of another indicator, or of other parameters.
    #[error("state belongs to another indicator or other parameters: seed from history")]
    Foreign,
    /// Cut short, too long, or with values no run can reach.
    #[error("state is damaged: seed from history")]
    Damaged,
}

/// Columns that do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Too many or too few columns.
    #[error("{given} input columns given, the indicator takes {taken}")]
    Columns {
        /// How many were given.
        given: usize,
        /// How many it takes.
        taken: usize,
    },
    /// Columns of different lengths.
    #[error("input columns have {first} and {other} rows, give equal lengths")]
    Lengths {
        /// Rows of the first column.
        first: usize,
        /// Rows of one that differs.
        other: usize,
    },
    /// Too many or too few output columns.
    #[error("{given} output columns given, the indicator yields {yielded}")]
    Outputs {
        /// How many were given.
        given: usize,
        /// How many it yields.
        yielded: usize,
    },
}

/// Why a computation by name did not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComputeError {
    /// No such indicator.
    #[error("no indicator is called {0:?}: see the registry")]
    UnknownName(String),
    /// A parameter is not taken.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Columns do not fit.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

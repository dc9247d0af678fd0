//! What is wrong with a text, where, and what would be right.

use std::fmt;

use tickwire_indicators::ParameterError;
use tickwire_market::{Timeframe, TimeframeError};

use super::option::TENOR_DAYS_MAX;
use super::{DEPTH_MAX, EXPRESSION_BYTES_MAX, HELD_BARS_MAX, NODES_MAX, WINDOW_MAX};

/// Most characters of a found token that a message repeats.
const FOUND_CHARS_MAX: usize = 24;

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpressionError {
    at: usize,
    kind: ExpressionErrorKind,
    text: String,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExpressionErrorKind {
    /// Longer than [`EXPRESSION_BYTES_MAX`].
    #[error("expression of {bytes} bytes, shorten it to at most {EXPRESSION_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Longer than [`EXPRESSION_BYTES_MAX`] with defaults filled in.
    #[error("expression of {bytes} bytes in canonical form, shorten it to at most {EXPRESSION_BYTES_MAX}")]
    CanonicalTooLong {
        /// Its length.
        bytes: usize,
    },
    /// Something else should stand here.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// What stands here.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// `a<b<c`.
    #[error("comparisons do not chain, put parentheses around this one")]
    Chained,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested too deep, at most {DEPTH_MAX} levels")]
    TooDeep,
    /// More than [`NODES_MAX`] nodes.
    #[error("too many parts, at most {NODES_MAX}")]
    TooManyNodes,
    /// Beyond the magnitude that indicators take.
    #[error("number too large, at most {maximum:e}")]
    NumberTooLarge {
        /// The greatest that is taken.
        maximum: f64,
    },
    /// Neither series nor indicator.
    #[error("unknown name `{name}`{}", Nearest(*.nearest))]
    UnknownName {
        /// What was written.
        name: String,
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// An indicator without its parentheses.
    #[error("`{name}` is an indicator, write `{name}()`")]
    NotASeries {
        /// The indicator.
        name: &'static str,
    },
    /// A series with parentheses.
    #[error("`{name}` is a series and takes nothing, write `{name}`")]
    NotAnIndicator {
        /// The series.
        name: &'static str,
    },
    /// No such output.
    #[error("{indicator} has no output `{name}`, it has {}", List(.outputs))]
    UnknownOutput {
        /// The indicator.
        indicator: &'static str,
        /// What was written.
        name: String,
        /// What it has.
        outputs: &'static [&'static str],
    },
    /// An output chosen where there is one.
    #[error("{indicator} has one output, leave out `.{name}`")]
    SingleOutput {
        /// The indicator.
        indicator: &'static str,
        /// What was written.
        name: String,
    },
    /// Several outputs where one value is needed.
    #[error("{indicator} has several outputs, choose one of {}", List(.outputs))]
    OutputNeeded {
        /// The indicator.
        indicator: &'static str,
        /// What it has.
        outputs: &'static [&'static str],
    },
    /// No such parameter.
    #[error("{indicator} has no parameter `{name}`, it takes {}", List(.parameters))]
    UnknownParameter {
        /// The indicator.
        indicator: &'static str,
        /// What was written.
        name: String,
        /// What it takes.
        parameters: Vec<&'static str>,
    },
    /// A parameter given twice.
    #[error("{indicator}: `{name}` is given twice")]
    RepeatedParameter {
        /// The indicator.
        indicator: &'static str,
        /// The parameter.
        name: &'static str,
    },
    /// More numbers than parameters.
    #[error("{indicator} takes at most {taken} parameters{}", Taken(.parameters))]
    TooManyParameters {
        /// The indicator.
        indicator: &'static str,
        /// How many it takes.
        taken: usize,
        /// Which.
        parameters: Vec<&'static str>,
    },
    /// More series than the indicator lets choose.
    #[error("{indicator} takes {taken} series here, give a number for a parameter")]
    TooManyInputs {
        /// The indicator.
        indicator: &'static str,
        /// How many it lets choose.
        taken: usize,
    },
    /// A series after a number, or anything unnamed after a named parameter.
    #[error("{indicator}: give series first, then numbers, then named parameters")]
    ArgumentOrder {
        /// The indicator.
        indicator: &'static str,
    },
    /// Not a number where a parameter must be one.
    #[error("{indicator}: `{name}` must be a plain number")]
    NotANumber {
        /// The indicator.
        indicator: &'static str,
        /// The parameter.
        name: &'static str,
    },
    /// Out of bounds.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// True or false where a number is needed.
    #[error("`{operator}` needs a number here, this is true or false")]
    NumberNeeded {
        /// What needs it.
        operator: &'static str,
    },
    /// A number where true or false is needed.
    #[error("`{operator}` needs a condition here, this is a number: compare it with something")]
    ConditionNeeded {
        /// What needs it.
        operator: &'static str,
    },
    /// Windows that add up to more than [`WINDOW_MAX`].
    #[error("needs {bars} bars before its first value, at most {WINDOW_MAX}")]
    WindowTooLong {
        /// How many it needs.
        bars: usize,
    },
    /// Windows that hold more than [`HELD_BARS_MAX`] together.
    #[error("its windows hold {bars} bars together, at most {HELD_BARS_MAX}")]
    TooManyHeldBars {
        /// How many they hold.
        bars: usize,
    },
    /// More or fewer arguments than a function takes.
    #[error("{given} arguments given, write `{usage}`")]
    ArgumentCount {
        /// How the function is written.
        usage: &'static str,
        /// How many were given.
        given: usize,
    },
    /// A name in front of an argument that has none.
    #[error("this argument has no name, write `{usage}`")]
    NamedArgument {
        /// How the function is written.
        usage: &'static str,
    },
    /// An output chosen where there are none.
    #[error("{function} is a function and has one output, leave out `.{name}`")]
    FunctionOutput {
        /// The function.
        function: &'static str,
        /// What was written.
        name: String,
    },
    /// The second and third of `if` differ in type.
    #[error("`if` needs two numbers or two conditions to choose from, this one differs")]
    BranchesDiffer,
    /// No timeframe.
    #[error(transparent)]
    Timeframe(#[from] TimeframeError),
    /// Bars shorter than those that they are looked at from.
    #[error("{inner} is shorter than {outer}, on whose bars it would be looked at: give {outer} or longer")]
    TimeframeShorter {
        /// The shorter.
        inner: Timeframe,
        /// The longer.
        outer: Timeframe,
    },
    /// No key of an instrument.
    #[error("{0}")]
    Instrument(String),
    /// No time to expiry where one should stand.
    #[error("give a time to expiry such as 30d, up to {TENOR_DAYS_MAX}d, or an expiry such as 2026-11-24")]
    Tenor,
    /// A time to expiry where none can stand.
    #[error("a time to expiry stands in figures of chains alone, such as atm_iv(30d)")]
    StrayTenor,
    /// No moneyness where one should stand.
    #[error("give a moneyness: atm, put_25d, call_25d, put_10d, call_10d, put_5d or call_5d")]
    Moneyness,
    /// Greeks of what is no option.
    #[error(
        "{instrument} is no option and has no `{name}`; strikes of its chain are written {name}(30d,atm)"
    )]
    NotAnOption {
        /// What was asked for.
        name: String,
        /// Of which instrument.
        instrument: String,
    },
    /// A chain of an option.
    #[error("`{name}` is of a chain: ask for it on the underlying, not on {instrument}")]
    NotAnUnderlying {
        /// What was asked for.
        name: String,
        /// Of which instrument.
        instrument: String,
    },
    /// Two places for one operand.
    #[error("give {what} once")]
    RepeatedPlace {
        /// What was given twice.
        what: &'static str,
    },
}

/// A fault before the text is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) kind: ExpressionErrorKind,
}

impl ExpressionError {
    pub(super) fn new(text: &str, fault: Fault) -> Self {
        Self {
            at: fault.at,
            kind: fault.kind,
            text: text.to_owned(),
        }
    }

    /// Without the text, which is not worth keeping.
    pub(super) fn too_long(bytes: usize) -> Self {
        let kind = ExpressionErrorKind::TooLong { bytes };
        Self {
            at: EXPRESSION_BYTES_MAX,
            kind,
            text: String::new(),
        }
    }

    /// Byte offset of what is wrong.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ExpressionErrorKind {
        &self.kind
    }
}

impl std::error::Error for ExpressionError {}

impl fmt::Display for ExpressionError {
    /// The message; then, when there is text, the text with a caret below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.text.is_empty() {
            return Ok(());
        }
        let line: String = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let before = self
            .text
            .char_indices()
            .take_while(|(at, _)| *at < self.at)
            .count();
        write!(f, "\n  {line}\n  {:before$}^", "")
    }
}

/// The token at `at`, for a message.
pub(super) fn found(text: &str, at: usize) -> String {
    let rest = text.get(at..).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let Some(first) = rest.chars().next() else {
        return "the end".to_owned();
    };
    let token: String = if is_word(first) {
        rest.chars()
            .take_while(|c| is_word(*c))
            .take(FOUND_CHARS_MAX)
            .collect()
    } else {
        first.escape_debug().to_string()
    };
    format!("`{token}`")
}

struct Nearest(Option<&'static str>);

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |name| write!(f, ", did you mean `{name}`?"))
    }
}

struct List<'a>(&'a [&'static str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

struct Taken<'a>(&'a [&'static str]);

impl fmt::Display for Taken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", List(self.0))
        }
    }
}

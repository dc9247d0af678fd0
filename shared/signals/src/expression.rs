//! Expressions: what a stream computes, in one canonical spelling.
//!
//! ```text
//! rsi(close,14)                                  a catalogue indicator
//! macd(close,12,26,9).hist                       one of several outputs
//! ema(rsi(close,14),9)                           composition
//! close>ema(close,20) and rsi(close,14)<30       a rule, true or false
//! ```
//! Text is parsed to a tree of what was written (`syntax`), which is checked
//! against the catalogue and completed with defaults (`check`) into [`Node`]s;
//! these print in the canonical form (`print`). Parsing the canonical form gives
//! the same expression again.

mod check;
mod error;
mod print;
mod syntax;

use std::hash::{Hash, Hasher};
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tickwire_indicators::{Definition, PERIOD_BARS_MAX};

pub use error::{ExpressionError, ExpressionErrorKind};
pub use tickwire_indicators::Series;

/// Longest expression, in bytes, as written and in canonical form.
pub const EXPRESSION_BYTES_MAX: usize = 512;

/// Deepest nesting of an expression: of nodes, and of parentheses and signs.
pub const DEPTH_MAX: usize = 32;

/// Most nodes of an expression.
pub const NODES_MAX: usize = 128;

/// Most bars that may pass before an expression has its first value, windows of
/// nested indicators added.
pub const WINDOW_MAX: usize = PERIOD_BARS_MAX as usize;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A constant, finite and not negative.
    Number(f64),
    /// A series of the bar.
    Series(Series),
    /// An indicator of the catalogue.
    Indicator {
        /// Which.
        definition: &'static Definition,
        /// All its parameters, defaults filled in, within bounds.
        parameters: Vec<f64>,
        /// One for each input that the expression chooses, defaults filled in; fixed
        /// inputs are not listed.
        inputs: Vec<Node>,
        /// Index of the chosen output. `None` where the indicator has one output,
        /// and at the root of an expression that yields all of several.
        output: Option<usize>,
    },
    /// One operand.
    Unary {
        /// What is done.
        operator: UnaryOperator,
        /// To what.
        operand: Box<Node>,
    },
    /// Two operands.
    Binary {
        /// What is done.
        operator: BinaryOperator,
        /// The first.
        left: Box<Node>,
        /// The second.
        right: Box<Node>,
    },
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `-`
    Negate,
    /// `not`
    Not,
}

/// An operator between its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

impl UnaryOperator {
    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Negate => "-",
            Self::Not => "not",
        }
    }

    /// How tightly it binds; greater is tighter.
    fn power(self) -> i64 {
        match self {
            Self::Not => 6,
            Self::Negate => 14,
        }
    }
}

impl BinaryOperator {
    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    /// Whether it yields true or false.
    #[must_use]
    pub fn is_boolean(self) -> bool {
        self.power() <= BinaryOperator::Less.power()
    }

    /// How tightly it binds; greater is tighter. All group from the left, but
    /// comparisons, which do not chain.
    fn power(self) -> i64 {
        match self {
            Self::Or => 2,
            Self::And => 4,
            Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Equal
            | Self::NotEqual => 8,
            Self::Add | Self::Subtract => 10,
            Self::Multiply | Self::Divide => 12,
        }
    }

    fn is_comparison(self) -> bool {
        self.power() == BinaryOperator::Less.power()
    }
}

impl Node {
    /// Nodes directly below.
    pub fn children(&self) -> impl Iterator<Item = &Node> {
        let (many, one, other): (&[Node], _, _) = match self {
            Self::Number(_) | Self::Series(_) => (&[], None, None),
            Self::Indicator { inputs, .. } => (inputs, None, None),
            Self::Unary { operand, .. } => (&[], Some(operand), None),
            Self::Binary { left, right, .. } => (&[], Some(left), Some(right)),
        };
        many.iter()
            .chain(one.into_iter().chain(other).map(|node| &**node))
    }

    /// Whether it yields true or false.
    #[must_use]
    pub fn is_boolean(&self) -> bool {
        match self {
            Self::Number(_) | Self::Series(_) | Self::Indicator { .. } => false,
            Self::Unary { operator, .. } => *operator == UnaryOperator::Not,
            Self::Binary { operator, .. } => operator.is_boolean(),
        }
    }

    /// Bars that pass without a value: the first comes with bar `warm_up + 1`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.bars(&|definition, parameters| definition.warm_up(parameters))
    }

    /// Bars to feed when seeding from history, so that the seed no longer shows.
    #[must_use]
    pub fn settle(&self) -> usize {
        self.bars(&|definition, parameters| definition.settle(parameters))
    }

    /// Most bytes of its indicators' exported state.
    #[must_use]
    pub fn state_bytes_max(&self) -> usize {
        let own = match self {
            Self::Indicator {
                definition,
                parameters,
                ..
            } => definition.state_bytes_max(parameters),
            _ => 0,
        };
        own + self.children().map(Node::state_bytes_max).sum::<usize>()
    }

    /// The same indicator with all its outputs; any other node as it is.
    #[must_use]
    pub fn without_output(&self) -> Node {
        let mut node = self.clone();
        if let Self::Indicator { output, .. } = &mut node {
            *output = None;
        }
        node
    }

    /// Bars of the longest path, each indicator adding its own.
    fn bars(&self, of: &impl Fn(&Definition, &[f64]) -> usize) -> usize {
        let own = match self {
            Self::Indicator {
                definition,
                parameters,
                ..
            } => of(definition, parameters),
            _ => 0,
        };
        own + self.children().map(|child| child.bars(of)).max().unwrap_or(0)
    }
}

/// An expression, checked: names known, parameters within bounds, types consistent.
///
/// Equal expressions have equal canonical text, and are equal when it is.
///
/// ```
/// use tickwire_signals::Expression;
///
/// let expression = Expression::parse("close > EMA(20) and macd().hist > 0")?;
/// assert_eq!(expression.to_string(), "close>ema(close,20) and macd(close,12,26,9).hist>0");
/// assert!(expression.is_boolean());
/// assert_eq!(expression.warm_up(), 33);
///
/// let error = Expression::parse("rsl(14)").unwrap_err();
/// assert_eq!(error.to_string(), "unknown name `rsl`, did you mean `rsi`?\n  rsl(14)\n  ^");
/// # Ok::<(), tickwire_signals::ExpressionError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    root: Node,
    canonical: String,
}

impl Expression {
    /// Reads an expression in any spelling.
    ///
    /// # Errors
    /// When it is no expression, names what is not known, or exceeds a bound.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(ExpressionError::too_long(text.len()));
        }
        let parsed = syntax::parse(text).and_then(|written| {
            let root = check::check(&written)?;
            let canonical = root.to_string();
            let bytes = canonical.len();
            if bytes > EXPRESSION_BYTES_MAX {
                return Err(error::Fault {
                    at: 0,
                    kind: ExpressionErrorKind::CanonicalTooLong { bytes },
                });
            }
            Ok(Self { root, canonical })
        });
        parsed.map_err(|fault| ExpressionError::new(text, fault))
    }

    /// The tree, to walk.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// Names of what it yields: `value`, or the outputs of an indicator with several.
    #[must_use]
    pub fn outputs(&self) -> Vec<&'static str> {
        match &self.root {
            Node::Indicator {
                definition,
                output: None,
                ..
            } => definition.outputs.to_vec(),
            _ => vec!["value"],
        }
    }

    /// Whether it yields true or false.
    #[must_use]
    pub fn is_boolean(&self) -> bool {
        self.root.is_boolean()
    }

    /// Bars that pass without a value: the first comes with bar `warm_up + 1`.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.root.warm_up()
    }

    /// Bars to feed when seeding from history, so that the seed no longer shows.
    #[must_use]
    pub fn settle(&self) -> usize {
        self.root.settle()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Expression {
    type Error = ExpressionError;

    fn try_from(text: String) -> Result<Self, ExpressionError> {
        Self::parse(&text)
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.canonical
    }
}

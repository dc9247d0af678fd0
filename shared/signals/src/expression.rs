//! Expressions: what a stream computes, in one canonical spelling.
//!
//! ```text
//! rsi(close,14)                                  a catalogue indicator
//! macd(close,12,26,9).hist                       one of several outputs
//! ema(rsi(close,14),9)                           composition
//! close>ema(close,20) and rsi(close,14)<30       a rule, true or false
//! if(crosses_above(close,sma(close,50)),1,0)     functions
//! close>ema(close,50)@1h                         bars of a longer timeframe
//! close/close[NASDAQ@MSFT@EQ]                    bars of another instrument
//! ```
//! Text is parsed to a tree of what was written (`syntax`), which is checked
//! against the catalogue and completed with defaults (`check`) into [`Node`]s;
//! these print in the canonical form (`print`). Parsing the canonical form gives
//! the same expression again. Nothing here builds an indicator.

mod check;
mod error;
mod function;
mod needs;
mod node;
mod option;
mod print;
mod syntax;

use std::hash::{Hash, Hasher};
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tickwire_indicators::PERIOD_BARS_MAX;
use tickwire_market::{InstrumentKey, Product, Timeframe};

pub use error::{ExpressionError, ExpressionErrorKind};
pub use function::Function;
pub use needs::Need;
pub use node::{BinaryOperator, Node, UnaryOperator};
pub use option::{OptionSource, Tenor};
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

/// Most bars that an expression holds: the windows of all its nodes added.
pub const HELD_BARS_MAX: usize = 4 * WINDOW_MAX;

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
        self.root.outputs()
    }

    /// The canonical texts of what it yields, one an output: an expression each.
    ///
    /// ```
    /// # use tickwire_signals::Expression;
    /// let names = Expression::parse("aroon(14)@1h")?.output_texts();
    /// assert_eq!(names, ["aroon(14).up@1h", "aroon(14).down@1h"]);
    /// # Ok::<(), tickwire_signals::ExpressionError>(())
    /// ```
    #[must_use]
    pub fn output_texts(&self) -> Vec<String> {
        let choose = |node: &Node, at: usize| match node.clone() {
            Node::Indicator {
                definition,
                parameters,
                inputs,
                ..
            } => Node::Indicator {
                definition,
                parameters,
                inputs,
                output: Some(at),
            },
            Node::Option { source, .. } => Node::Option {
                source,
                output: Some(at),
            },
            other => other,
        };
        match (self.root.has_several_outputs(), &self.root) {
            (false, _) => vec![self.canonical.clone()],
            (true, root) => (0..self.outputs().len())
                .map(|at| match root {
                    Node::At {
                        operand,
                        instrument,
                        timeframe,
                    } => choose(operand, at).at(instrument.clone(), *timeframe).to_string(),
                    root => choose(root, at).to_string(),
                })
                .collect(),
        }
    }

    /// The other instruments that it names, each once, in order of their keys.
    #[must_use]
    pub fn instruments(&self) -> Vec<&InstrumentKey> {
        let mut found = Vec::new();
        self.root.walk(&mut |node| {
            if let Node::At {
                instrument: Some(key),
                ..
            } = node
            {
                found.push(key);
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether it can be computed on bars of `timeframe`: all that it names are as long
    /// or longer.
    ///
    /// # Errors
    /// When one is shorter: that would have to look ahead, or to leave bars out.
    pub fn check_on(&self, timeframe: Timeframe) -> Result<(), ExpressionError> {
        let mut shorter = None;
        self.root.walk(&mut |node| {
            if let Node::At {
                timeframe: Some(inner),
                ..
            } = node
                && *inner < timeframe
            {
                shorter.get_or_insert(*inner);
            }
        });
        let Some(inner) = shorter else { return Ok(()) };
        let name = format!("@{inner}");
        let is_whole = |at: usize| {
            let next = self.canonical.as_bytes().get(at + name.len());
            next.is_none_or(|byte| !byte.is_ascii_alphanumeric())
        };
        let found = self
            .canonical
            .match_indices(&name)
            .map(|(at, _)| at)
            .find(|at| is_whole(*at));
        let fault = error::Fault {
            at: found.unwrap_or(0),
            kind: ExpressionErrorKind::TimeframeShorter {
                inner,
                outer: timeframe,
            },
        };
        Err(ExpressionError::new(&self.canonical, fault))
    }

    /// Whether it can be computed on `instrument`: Greeks are of options, figures of chains
    /// of underlyings.
    ///
    /// # Errors
    /// When it is one where the other is.
    pub fn check_of(&self, instrument: &InstrumentKey) -> Result<(), ExpressionError> {
        let Some((name, key, of_option)) = misplaced(self.root(), instrument) else {
            return Ok(());
        };
        let instrument = key.to_string();
        let bare = name.split('(').next().unwrap_or_default().to_owned();
        let kind = if of_option {
            ExpressionErrorKind::NotAnOption {
                name: bare,
                instrument,
            }
        } else {
            ExpressionErrorKind::NotAnUnderlying {
                name: bare,
                instrument,
            }
        };
        let at = self.canonical.find(&name).unwrap_or(0);
        Err(ExpressionError::new(&self.canonical, error::Fault { at, kind }))
    }

    /// Whether it reads Greeks of contracts, which on bars need the underlying's bars too.
    #[must_use]
    pub fn reads_greeks(&self) -> bool {
        self.any(|node| {
            matches!(
                node,
                Node::Option {
                    source: OptionSource::Greeks,
                    ..
                }
            )
        })
    }

    /// Whether it reads chains, which are known live only.
    #[must_use]
    pub fn reads_chain(&self) -> bool {
        self.any(|node| {
            matches!(
                node,
                Node::Option {
                    source: OptionSource::Chain(_) | OptionSource::Bucket(..),
                    ..
                }
            )
        })
    }

    fn any(&self, is_wanted: impl Fn(&Node) -> bool) -> bool {
        let mut found = false;
        self.root.walk(&mut |node| found |= is_wanted(node));
        found
    }

    /// How many nodes it is of.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.root.count()
    }

    /// Bars that it holds at once, at the most; see [`HELD_BARS_MAX`].
    #[must_use]
    pub fn held_bars(&self) -> usize {
        self.root.held_bars()
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

/// The first part that does not fit its instrument: its text, the instrument, and whether
/// it should be an option.
fn misplaced<'a>(node: &'a Node, at: &'a InstrumentKey) -> Option<(String, &'a InstrumentKey, bool)> {
    let is_option = at.product() == Product::Opt;
    match node {
        Node::Option { source, .. } => {
            let of_option = *source == OptionSource::Greeks;
            (of_option != is_option).then(|| (node.to_string(), at, of_option))
        }
        Node::At {
            operand, instrument, ..
        } => misplaced(operand, instrument.as_ref().unwrap_or(at)),
        node => node.children().find_map(|child| misplaced(child, at)),
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

//! The tree of an expression.

use tickwire_indicators::{Definition, Input, Series};
use tickwire_market::{InstrumentKey, Timeframe};

use super::function::{Function, RENAMED};
use super::option::OptionSource;

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
    /// What is known of an option or a chain.
    Option {
        /// Of which.
        source: OptionSource,
        /// Index of the chosen output; `None` at the root of an expression that yields all.
        output: Option<usize>,
    },
    /// A function of the language, but [`Function::Shift`].
    Function {
        /// Which.
        function: Function,
        /// What it is of.
        arguments: Vec<Node>,
    },
    /// What the operand was some bars ago.
    Shift {
        /// Of what.
        operand: Box<Node>,
        /// How many bars, 1 or more.
        bars: u32,
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
    /// The operand on other bars: those of another instrument of the group, of a longer
    /// timeframe, or both. Its value is that of the last such bar that is closed.
    At {
        /// What is computed there; never an [`At`](Node::At) itself.
        operand: Box<Node>,
        /// Another instrument.
        instrument: Option<InstrumentKey>,
        /// A longer timeframe.
        timeframe: Option<Timeframe>,
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
    pub(super) fn power(self) -> i64 {
        match self {
            Self::Not => 6,
            Self::Negate => 14,
        }
    }
}

/// How tightly a comparison binds.
pub(super) const COMPARISON_POWER: i64 = 8;

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
        self.power() <= COMPARISON_POWER
    }

    /// How tightly it binds; greater is tighter. All group from the left, but
    /// comparisons, which do not chain.
    pub(super) fn power(self) -> i64 {
        match self {
            Self::Or => 2,
            Self::And => 4,
            Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Equal
            | Self::NotEqual => COMPARISON_POWER,
            Self::Add | Self::Subtract => 10,
            Self::Multiply | Self::Divide => 12,
        }
    }

    pub(super) fn is_comparison(self) -> bool {
        self.power() == COMPARISON_POWER
    }
}

impl Node {
    /// Nodes directly below.
    pub fn children(&self) -> impl Iterator<Item = &Node> {
        let (many, one, other): (&[Node], _, _) = match self {
            Self::Number(_) | Self::Series(_) | Self::Option { .. } => (&[], None, None),
            Self::Indicator { inputs, .. } => (inputs, None, None),
            Self::Function { arguments, .. } => (arguments, None, None),
            Self::Shift { operand, .. } | Self::Unary { operand, .. } | Self::At { operand, .. } => {
                (&[], Some(operand), None)
            }
            Self::Binary { left, right, .. } => (&[], Some(left), Some(right)),
        };
        many.iter()
            .chain(one.into_iter().chain(other).map(|node| &**node))
    }

    /// Calls `each` with this node and all below.
    pub(crate) fn walk<'a>(&'a self, each: &mut impl FnMut(&'a Node)) {
        each(self);
        for child in self.children() {
            child.walk(each);
        }
    }

    /// Whether it yields true or false.
    #[must_use]
    pub fn is_boolean(&self) -> bool {
        match self {
            Self::Number(_) | Self::Series(_) | Self::Indicator { .. } | Self::Option { .. } => false,
            Self::Function { function, arguments } => match function {
                Function::CrossesAbove | Function::CrossesBelow => true,
                Function::If => arguments.get(1).is_some_and(Node::is_boolean),
                Function::Abs | Function::Max | Function::Min | Function::Shift => false,
            },
            Self::Shift { operand, .. } | Self::At { operand, .. } => operand.is_boolean(),
            Self::Unary { operator, .. } => *operator == UnaryOperator::Not,
            Self::Binary { operator, .. } => operator.is_boolean(),
        }
    }

    /// Names of what it yields.
    pub(super) fn outputs(&self) -> Vec<&'static str> {
        match self {
            Self::Indicator {
                definition,
                output: None,
                ..
            } => definition.outputs.to_vec(),
            Self::Option { source, output: None } => source.outputs().to_vec(),
            Self::At { operand, .. } => operand.outputs(),
            _ => vec!["value"],
        }
    }

    /// Whether it is an indicator of several outputs of which none is chosen.
    pub(super) fn has_several_outputs(&self) -> bool {
        self.outputs().len() > 1
    }

    /// Bars that pass without a value: the first comes with bar `warm_up + 1`. Bars of
    /// other instruments and timeframes do not count.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        match self {
            Self::At { .. } => 0,
            _ => self.own_warm_up() + self.longest(Node::warm_up),
        }
    }

    /// Bars to feed when seeding from history, so that the seed no longer shows. Bars of
    /// other instruments and timeframes do not count.
    #[must_use]
    pub fn settle(&self) -> usize {
        match self {
            Self::At { .. } => 0,
            _ => self.own_settle() + self.longest(Node::settle),
        }
    }

    /// Warm-ups of nested nodes added, of whatever bars they are.
    pub(super) fn window(&self) -> usize {
        self.own_warm_up() + self.longest(Node::window)
    }

    /// Bars that it and all below hold at once, at the most: its share of memory.
    pub(crate) fn held_bars(&self) -> usize {
        let own = match self.own_warm_up() {
            0 => 0,
            bars => bars + 1,
        };
        own + self.children().map(Node::held_bars).sum::<usize>()
    }

    /// How many nodes it is of, itself included.
    pub(crate) fn count(&self) -> usize {
        1 + self.children().map(Node::count).sum::<usize>()
    }

    /// The same indicator or option with all its outputs; any other node as it is.
    #[must_use]
    pub fn without_output(&self) -> Node {
        let mut node = self.clone();
        if let Self::Indicator { output, .. } | Self::Option { output, .. } = &mut node {
            *output = None;
        }
        node
    }

    /// Whether it reads options and no bars, so that on ticks it is computed whenever
    /// options are valued anew. Absent for what reads neither.
    fn reads_options_alone(&self) -> Option<bool> {
        let own = match self {
            Self::Number(_) => None,
            Self::Option { .. } => Some(true),
            Self::Series(_)
            | Self::At {
                timeframe: Some(_), ..
            } => Some(false),
            Self::Indicator { definition, .. } => {
                let chosen = |input: &Input| *input == Input::Chosen;
                (!definition.inputs.iter().all(chosen)).then_some(false)
            }
            _ => None,
        };
        let below = self.children().filter_map(Node::reads_options_alone);
        own.into_iter().chain(below).reduce(|a, b| a && b)
    }

    /// Whether, on ticks, it is computed when options are valued and not when its own
    /// instrument ticks.
    pub(crate) fn is_of_options(&self) -> bool {
        self.reads_options_alone() == Some(true)
    }

    /// The operand elsewhere. What already says where it is computed keeps that.
    pub(super) fn at(self, instrument: Option<InstrumentKey>, timeframe: Option<Timeframe>) -> Node {
        match self {
            node if instrument.is_none() && timeframe.is_none() => node,
            Self::At {
                operand,
                instrument: nearer,
                timeframe: longer,
            } => Self::At {
                operand,
                instrument: nearer.or(instrument),
                timeframe: longer.or(timeframe),
            },
            operand => Self::At {
                operand: Box::new(operand),
                instrument,
                timeframe,
            },
        }
    }

    fn longest(&self, of: impl Fn(&Node) -> usize) -> usize {
        self.children().map(of).max().unwrap_or(0)
    }

    fn own_warm_up(&self) -> usize {
        match self {
            Self::Indicator {
                definition,
                parameters,
                ..
            } => definition.warm_up(parameters),
            Self::Shift { bars, .. } => *bars as usize,
            Self::Function { function, .. } => usize::from(function.is_crossing()),
            _ => 0,
        }
    }

    pub(super) fn own_settle(&self) -> usize {
        match self {
            Self::Indicator {
                definition,
                parameters,
                ..
            } => definition.settle(parameters),
            _ => self.own_warm_up(),
        }
    }
}

impl Function {
    fn is_crossing(self) -> bool {
        matches!(self, Self::CrossesAbove | Self::CrossesBelow)
    }
}

/// The name of an indicator in an expression.
pub(super) fn name_of(definition: &Definition) -> &'static str {
    RENAMED
        .iter()
        .find(|(_, indicator)| *indicator == definition.name)
        .map_or(definition.name, |(name, _)| name)
}

//! Functions of the language: what is neither a series nor of the catalogue.

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// The magnitude.
    Abs,
    /// Whether the first passes from at or below the second to above it.
    CrossesAbove,
    /// Whether the first passes from at or above the second to below it.
    CrossesBelow,
    /// One of two, by a condition.
    If,
    /// The greatest of several, bar by bar.
    Max,
    /// The least of several, bar by bar.
    Min,
    /// What was some bars ago.
    Shift,
}

impl Function {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 7] = [
        Self::Abs,
        Self::CrossesAbove,
        Self::CrossesBelow,
        Self::If,
        Self::Max,
        Self::Min,
        Self::Shift,
    ];

    /// Its name in an expression.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::CrossesAbove => "crosses_above",
            Self::CrossesBelow => "crosses_below",
            Self::If => "if",
            Self::Max => "max",
            Self::Min => "min",
            Self::Shift => "shift",
        }
    }

    /// The function of that name (lower case).
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// How it is written.
    #[must_use]
    pub fn usage(self) -> &'static str {
        match self {
            Self::Abs => "abs(x)",
            Self::CrossesAbove => "crosses_above(a, b)",
            Self::CrossesBelow => "crosses_below(a, b)",
            Self::If => "if(condition, then, otherwise)",
            Self::Max => "max(a, b, ...)",
            Self::Min => "min(a, b, ...)",
            Self::Shift => "shift(x, bars=1)",
        }
    }

    /// One sentence, and what it makes of an absence.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Abs => "The magnitude of x; absent where x is.",
            Self::CrossesAbove => {
                "Whether a is above b now and was not at the bar before at which both were known; absent where either is, and cold at the first bar with both."
            }
            Self::CrossesBelow => {
                "Whether a is below b now and was not at the bar before at which both were known; absent where either is, and cold at the first bar with both."
            }
            Self::If => {
                "The second where the condition holds, the third where it does not; absent where the condition is. An absence of the one not taken does not matter."
            }
            Self::Max => "The greatest of its arguments; absent where any is.",
            Self::Min => "The least of its arguments; absent where any is.",
            Self::Shift => {
                "What x was so many bars ago, its absence included; cold until there are as many bars."
            }
        }
    }

    /// Fewest and most arguments. Of [`Function::Shift`], those before the number of bars.
    pub(super) fn arguments(self) -> (usize, usize) {
        match self {
            Self::Abs | Self::Shift => (1, 1),
            Self::CrossesAbove | Self::CrossesBelow => (2, 2),
            Self::If => (3, 3),
            Self::Max | Self::Min => (2, usize::MAX),
        }
    }
}

/// Names that the language gives to indicators whose own name is a function's, or that
/// have none of these: with the indicator's.
pub(super) const RENAMED: [(&str, &str); 2] = [("highest", "max"), ("lowest", "min")];

//! Values: a number, a truth, or a typed absence. Unknown is never 0.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, Tick};

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// Not enough history yet.
    Cold,
    /// An input is too old.
    Stale,
    /// The market is closed.
    Closed,
    /// The inputs have no answer: a missing volume, a division by zero.
    Unsolvable,
    /// The reader may not see it.
    NotEntitled,
    /// An option's price is below what exercise is worth.
    BelowIntrinsic,
    /// An option's price is what exercise is worth: any small volatility gives it.
    AtIntrinsic,
    /// An option's price is not below the most that it can be worth.
    AboveMax,
    /// An option has no time left.
    Expired,
    /// An option's underlying has no price.
    NoUnderlying,
    /// The price of an option's underlying is too old.
    StaleUnderlying,
    /// Nobody told the rates by which options are valued.
    NoRate,
}

impl Absence {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Cold,
        Self::Stale,
        Self::Closed,
        Self::Unsolvable,
        Self::NotEntitled,
        Self::BelowIntrinsic,
        Self::AtIntrinsic,
        Self::AboveMax,
        Self::Expired,
        Self::NoUnderlying,
        Self::StaleUnderlying,
        Self::NoRate,
    ];

    /// The name used on the wire and in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Stale => "stale",
            Self::Closed => "closed",
            Self::Unsolvable => "unsolvable",
            Self::NotEntitled => "not_entitled",
            Self::BelowIntrinsic => "below_intrinsic",
            Self::AtIntrinsic => "at_intrinsic",
            Self::AboveMax => "above_max",
            Self::Expired => "expired",
            Self::NoUnderlying => "no_underlying",
            Self::StaleUnderlying => "stale_underlying",
            Self::NoRate => "no_rate",
        }
    }
}

/// One output of an expression. A number is always finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// The answer of a condition.
    Truth(bool),
    /// No value, and why.
    Absent(Absence),
}

impl Value {
    /// The number, or [`Absence::Unsolvable`] if it is not finite.
    pub fn number(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Absent(Absence::Unsolvable)
        }
    }

    /// Whether both are the same to the bit.
    pub fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }
}

/// What a price stream tells of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceValue {
    /// Last price.
    pub price: f64,
    /// Quantity of the last trade.
    pub size: Option<f64>,
    /// Quantity traded so far in the session.
    pub volume: Option<f64>,
    /// Open interest.
    pub open_interest: Option<f64>,
    /// Best bid's price.
    pub bid: Option<f64>,
    /// Best ask's price.
    pub ask: Option<f64>,
}

impl PriceValue {
    /// What a price stream tells of `tick`.
    pub fn of(tick: &Tick) -> Self {
        Self {
            price: tick.price,
            size: tick.size,
            volume: tick.volume,
            open_interest: tick.open_interest,
            bid: tick.bid.map(|quote| quote.price),
            ask: tick.ask.map(|quote| quote.price),
        }
    }
}

/// What a signal carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SignalValue {
    /// Of a price stream.
    Price(PriceValue),
    /// Of a bars stream: a closed bar.
    Bar(Bar),
    /// Of an expression: its outputs, in the order of its definition.
    Values(Vec<Value>),
    /// Of a bars stream: its newest bar once more, as a late tick has changed it.
    CorrectedBar(Bar),
}

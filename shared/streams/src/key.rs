//! Keys of groups and streams.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, de};
use tickwire_market::{InstrumentKey, Product, Timeframe};

/// Baskets into which the equities of one venue are hashed, unless configured.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const baskets_default: u16 = 8;

/// Most baskets of one venue.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const baskets_max: u16 = 1_024;

/// Longest universe name, in bytes.
const UNIVERSE_BYTES_MAX: usize = 40;
/// Longest stream key, in bytes.
const STREAM_KEY_BYTES_MAX: usize = 1_024;

/// Which world a group lives in: `live`, `sim-…` or `replay-…`. Worlds never mix.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Universe(Arc<str>);

impl Universe {
    /// The real market.
    pub fn live() -> Self {
        Self("live".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether values of this universe are made up, and so are marked `mock`.
    pub fn is_simulated(&self) -> bool {
        self.0.starts_with("sim-")
    }
}

impl FromStr for Universe {
    type Err = GroupKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let tail_is_good = |tail: &str| {
            !tail.is_empty()
                && tail
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let good = text == "live"
            || ["sim-", "replay-"]
                .iter()
                .any(|p| text.strip_prefix(p).is_some_and(tail_is_good));
        if good && text.len() <= UNIVERSE_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(GroupKeyError::Universe(
                text.chars().take(UNIVERSE_BYTES_MAX).collect(),
            ))
        }
    }
}

/// `{universe}/{name}`: one log, one queue group, one order.
///
/// The name is the underlying's symbol for an underlying and its derivatives
/// (`NIFTY`), and a basket of the venue otherwise (`NASDAQ.3`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey {
    universe: Universe,
    text: Arc<str>,
}

impl GroupKey {
    /// The group of an instrument. `baskets` is how many the venue has (at least 1).
    pub fn of(universe: &Universe, instrument: &InstrumentKey, baskets: u16) -> Self {
        match instrument.product() {
            Product::Idx | Product::Fut | Product::Opt => Self::of_symbol(universe, instrument),
            Product::Eq | Product::Spot | Product::Perp => {
                let basket = fnv1a(instrument.symbol().as_bytes()) % u64::from(baskets.max(1));
                Self::named(universe, &format!("{}.{basket}", instrument.exchange()))
            }
        }
    }

    /// The group of an instrument and all its derivatives.
    pub fn of_symbol(universe: &Universe, instrument: &InstrumentKey) -> Self {
        Self::named(universe, instrument.symbol())
    }

    fn named(universe: &Universe, name: &str) -> Self {
        Self {
            text: format!("{}/{name}", universe.as_str()).into(),
            universe: universe.clone(),
        }
    }

    /// Whether it is a basket of a venue, `{venue}.{number}`: it has no derivatives.
    pub fn is_basket(&self) -> bool {
        let number = self.text.rsplit_once('.').map(|(_, number)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The world the group lives in.
    pub fn universe(&self) -> &Universe {
        &self.universe
    }

    /// The whole key, `{universe}/{name}`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for GroupKey {
    type Err = GroupKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || GroupKeyError::Malformed(text.chars().take(100).collect());
        let (universe, name) = text.split_once('/').ok_or_else(malformed)?;
        let universe = universe.parse()?;
        let good = (1..=64).contains(&name.len())
            && name.bytes().all(|b| {
                b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'&' | b'_' | b':')
            });
        if good {
            Ok(Self {
                universe,
                text: text.into(),
            })
        } else {
            Err(malformed())
        }
    }
}

/// Why a group key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupKeyError {
    /// Not a universe.
    #[error("universe {0:?} is not one: write live, sim-NAME or replay-NAME in lower case")]
    Universe(String),
    /// Not `{universe}/{name}`.
    #[error("group {0:?} is not of the form universe/NAME")]
    Malformed(String),
}

/// FNV-1a, 64 bit: the basket of a symbol must never change, so it is spelled
/// out here and not taken from a hasher that may.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Who may read a stream, as its key says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Price and bars.
    Public,
    /// Catalogue signals.
    Common,
    /// Signals of a product on sale.
    Marketplace(Arc<str>),
    /// Signals of one user.
    Personal(Arc<str>),
}

/// Whether `text` can name a product or a user in a key: 1 to 64 of `A-Z a-z 0-9 - _ .`.
pub fn is_class_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Common => f.write_str("common"),
            Self::Marketplace(product) => write!(f, "marketplace/{product}"),
            Self::Personal(user) => write!(f, "personal/{user}"),
        }
    }
}

/// What a stream carries: instrument, timeframe, and `price`, `bars` or an
/// expression in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstrumentStream {
    /// Which instrument.
    pub instrument: InstrumentKey,
    /// On which bars.
    pub timeframe: Timeframe,
    /// `price`, `bars` or a canonical expression.
    pub expression: Arc<str>,
}

/// `{class}:{instrument}:{timeframe}:{expression}`.
///
/// Whether the expression is canonical is for the expression language to say;
/// this type holds the frame around it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// Who may read it.
    pub class: Class,
    /// What it carries.
    pub stream: InstrumentStream,
}

impl StreamKey {
    /// The stream of an instrument's prices, one signal a tick.
    pub fn price(instrument: InstrumentKey) -> Self {
        Self::new(Class::Public, instrument, Timeframe::TICK, "price")
    }

    /// The stream of an instrument's closed bars.
    pub fn bars(instrument: InstrumentKey, timeframe: Timeframe) -> Self {
        Self::new(Class::Public, instrument, timeframe, "bars")
    }

    /// The stream of a catalogue signal; `expression` in canonical form.
    pub fn common(instrument: InstrumentKey, timeframe: Timeframe, expression: &str) -> Self {
        Self::new(Class::Common, instrument, timeframe, expression)
    }

    fn new(class: Class, instrument: InstrumentKey, timeframe: Timeframe, expression: &str) -> Self {
        Self {
            class,
            stream: InstrumentStream {
                instrument,
                timeframe,
                expression: expression.into(),
            },
        }
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InstrumentStream {
            instrument,
            timeframe,
            expression,
        } = &self.stream;
        write!(f, "{}:{instrument}:{timeframe}:{expression}", self.class)
    }
}

impl FromStr for StreamKey {
    type Err = StreamKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > STREAM_KEY_BYTES_MAX {
            return Err(StreamKeyError::TooLong {
                bytes: text.len(),
                bytes_max: STREAM_KEY_BYTES_MAX,
            });
        }
        let mut parts = text.splitn(4, ':');
        let (Some(class), Some(instrument), Some(timeframe), Some(expression)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(StreamKeyError::Parts);
        };
        let class = match class.split_once('/') {
            None if class == "public" => Class::Public,
            None if class == "common" => Class::Common,
            Some(("marketplace", product)) if is_class_name(product) => Class::Marketplace(product.into()),
            Some(("personal", user)) if is_class_name(user) => Class::Personal(user.into()),
            _ => return Err(StreamKeyError::Class(class.chars().take(80).collect())),
        };
        let instrument =
            InstrumentKey::parse(instrument).map_err(|e| StreamKeyError::Instrument(e.to_string()))?;
        let timeframe: Timeframe = timeframe
            .parse()
            .map_err(|e: tickwire_market::TimeframeError| StreamKeyError::Timeframe(e.to_string()))?;
        if expression.is_empty() {
            return Err(StreamKeyError::Parts);
        }
        match (&class, expression) {
            (Class::Public, "price") if timeframe != Timeframe::TICK => {
                return Err(StreamKeyError::Timeframe(
                    "price is a stream of ticks: write tick".into(),
                ));
            }
            (Class::Public, "bars") if timeframe == Timeframe::TICK => {
                return Err(StreamKeyError::Timeframe(
                    "bars need a timeframe of 1m to 1d".into(),
                ));
            }
            (Class::Public, "price" | "bars") => {}
            (Class::Public, _) => return Err(StreamKeyError::PublicExpression),
            (_, "price" | "bars") => return Err(StreamKeyError::OnlyPublic),
            _ => {}
        }
        Ok(Self::new(class, instrument, timeframe, expression))
    }
}

/// Why a stream key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamKeyError {
    /// Too long.
    #[error("stream key has {bytes} bytes; at most {bytes_max} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Fewer than four parts.
    #[error("stream key is not of the form class:instrument:timeframe:expression")]
    Parts,
    /// Unknown class.
    #[error("class {0:?} is not public, common, marketplace/PRODUCT or personal/USER")]
    Class(String),
    /// Bad instrument key.
    #[error("{0}")]
    Instrument(String),
    /// Bad timeframe.
    #[error("{0}")]
    Timeframe(String),
    /// `public` carries something else than price or bars.
    #[error("class public has the streams price and bars; signals are of class common")]
    PublicExpression,
    /// price or bars in another class.
    #[error("price and bars are of class public")]
    OnlyPublic,
}

macro_rules! text_forms {
    ($($type:ty),+ $(,)?) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )+};
}
text_forms!(Universe, GroupKey, StreamKey);

impl fmt::Display for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

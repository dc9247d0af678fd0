//! The instrument key: one canonical form.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::InstrumentKeyError;
use crate::text::FromStrVisitor;

mod alias;

/// What is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Product {
    /// An index; not tradable itself.
    Idx,
    /// A share.
    Eq,
    /// A future with an expiry.
    Fut,
    /// An option with expiry, right and strike.
    Opt,
    /// A currency pair or coin for immediate delivery.
    Spot,
    /// A future without an expiry.
    Perp,
}

impl Product {
    /// The text in a key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idx => "IDX",
            Self::Eq => "EQ",
            Self::Fut => "FUT",
            Self::Opt => "OPT",
            Self::Spot => "SPOT",
            Self::Perp => "PERP",
        }
    }

    /// The product written `text` in a key.
    fn read(text: &str) -> Option<Self> {
        let all = [Self::Idx, Self::Eq, Self::Fut, Self::Opt, Self::Spot, Self::Perp];
        all.into_iter().find(|product| product.as_str() == text)
    }

    /// What a key of this product looks like, and its number of parts.
    fn shape(self) -> (&'static str, usize) {
        match self {
            Self::Idx => ("EXCHANGE@SYMBOL@IDX", 3),
            Self::Eq => ("EXCHANGE@SYMBOL@EQ", 3),
            Self::Spot => ("EXCHANGE@SYMBOL@SPOT", 3),
            Self::Perp => ("EXCHANGE@SYMBOL@PERP", 3),
            Self::Fut => ("EXCHANGE@SYMBOL@FUT@YYYY-MM-DD", 4),
            Self::Opt => ("EXCHANGE@SYMBOL@OPT@YYYY-MM-DD@CE@STRIKE, with CE or PE", 6),
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What an option gives the right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Right {
    /// To buy.
    #[serde(rename = "CE")]
    Call,
    /// To sell.
    #[serde(rename = "PE")]
    Put,
}

impl Right {
    /// The text in a key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "CE",
            Self::Put => "PE",
        }
    }

    /// The right written `text` in a key.
    fn read(text: &str) -> Option<Self> {
        [Self::Call, Self::Put]
            .into_iter()
            .find(|right| right.as_str() == text)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// `EXCHANGE@SYMBOL@PRODUCT[@EXPIRY][@CE|PE][@STRIKE]`, canonical. Cheap to clone.
///
/// | part | characters | for |
/// | --- | --- | --- |
/// | exchange | A-Z 0-9, a letter first | all |
/// | symbol | A-Z 0-9 & - . _, a letter or digit first | all |
/// | product | IDX EQ FUT OPT SPOT PERP | all |
/// | expiry | a real date, YYYY-MM-DD | FUT, OPT |
/// | right | CE or PE | OPT |
/// | strike | a decimal above 0 without needless zeros: `24000`, `0.25` | OPT |
///
/// A colon is not allowed anywhere: it separates the parts of a stream key.
/// One instrument has one key, so the names and suffixes that
/// [`from_alias`](Self::from_alias) knows are refused by [`parse`](Self::parse).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstrumentKey(Arc<str>);

impl InstrumentKey {
    /// The longest key in bytes.
    pub const BYTES_MAX: usize = 64;
    /// The most digits in a strike; as many as a double always keeps.
    pub const STRIKE_DIGITS_MAX: usize = 15;

    /// Reads a canonical key; every other spelling is refused with the reason.
    pub fn parse(text: &str) -> Result<Self, InstrumentKeyError> {
        if text.trim().is_empty() {
            return Err(InstrumentKeyError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(InstrumentKeyError::TooLong { bytes: text.len() });
        }
        let part = |part, found: &str, rule| InstrumentKeyError::Part {
            text: text.to_owned(),
            part,
            found: found.to_owned(),
            rule,
        };
        let count = |shape| {
            let found = text.split('@').count();
            InstrumentKeyError::PartCount {
                text: text.to_owned(),
                found,
                shape,
            }
        };
        let mut parts = text.split('@');
        let (Some(exchange), Some(symbol), Some(product)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(count("EXCHANGE@SYMBOL@PRODUCT, for instance NSE@NIFTY@IDX"));
        };
        if !is_exchange(exchange) {
            return Err(part("exchange", exchange, "of A-Z and 0-9, a letter first"));
        }
        if !is_symbol(symbol) {
            return Err(part(
                "symbol",
                symbol,
                "of A-Z 0-9 & - . _, a letter or digit first",
            ));
        }
        let Some(product) = Product::read(product) else {
            return Err(InstrumentKeyError::UnknownProduct {
                text: text.to_owned(),
                found: product.to_owned(),
            });
        };
        let (shape, parts_expected) = product.shape();
        if text.split('@').count() != parts_expected {
            return Err(count(shape));
        }
        if let Some(expiry) = parts.next()
            && read_date(expiry).is_none()
        {
            return Err(part("expiry", expiry, "a real date, YYYY-MM-DD"));
        }
        if let Some(right) = parts.next()
            && Right::read(right).is_none()
        {
            return Err(part("right", right, "CE or PE"));
        }
        if let Some(strike) = parts.next()
            && !is_strike(strike)
        {
            return Err(match plain_strike(strike) {
                Some(plain) => {
                    let head = text.strip_suffix(strike).unwrap_or(text);
                    InstrumentKeyError::NotCanonical {
                        text: text.to_owned(),
                        canonical: format!("{head}{plain}"),
                    }
                }
                None => part(
                    "strike",
                    strike,
                    "a decimal number above 0 of at most 15 digits, such as 24000 or 0.25",
                ),
            });
        }
        if let Some(canonical) = alias::canonical_symbol(exchange, symbol, product) {
            return Err(InstrumentKeyError::NotCanonical {
                text: text.to_owned(),
                canonical: text.replacen(symbol, canonical, 1),
            });
        }
        Ok(Self(text.into()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is traded.
    pub fn exchange(&self) -> &str {
        self.part(0).unwrap_or_default()
    }

    /// What the exchange calls it, or its underlying.
    pub fn symbol(&self) -> &str {
        self.part(1).unwrap_or_default()
    }

    /// What is traded.
    pub fn product(&self) -> Product {
        self.part(2).and_then(Product::read).unwrap_or(Product::Idx)
    }

    /// The last day of a future or option.
    pub fn expiry(&self) -> Option<Date> {
        self.part(3).and_then(read_date)
    }

    /// Call or put, of an option.
    pub fn right(&self) -> Option<Right> {
        self.part(4).and_then(Right::read)
    }

    /// The strike of an option, in the instrument's currency.
    pub fn strike(&self) -> Option<f64> {
        self.part(5)?.parse().ok()
    }

    fn part(&self, index: usize) -> Option<&str> {
        self.0.split('@').nth(index)
    }
}

fn is_exchange(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_symbol(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'&' | b'-' | b'.' | b'_'))
}

/// Reads `YYYY-MM-DD`, and only that.
fn read_date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        return None;
    }
    Date::new(
        text[..4].parse().ok()?,
        text[5..7].parse().ok()?,
        text[8..].parse().ok()?,
    )
    .ok()
}

/// Whether `text` is a strike in its one spelling.
fn is_strike(text: &str) -> bool {
    plain_strike(text).is_some_and(|plain| plain == text)
}

/// The one spelling of a decimal above 0: no sign, no exponent, no needless
/// zeros, no bare point.
fn plain_strike(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only(whole) || !digits_only(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() && fraction.is_empty()
        || whole.len() + fraction.len() > InstrumentKey::STRIKE_DIGITS_MAX
    {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    })
}

impl fmt::Display for InstrumentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for InstrumentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for InstrumentKey {
    type Err = InstrumentKeyError;

    fn from_str(text: &str) -> Result<Self, InstrumentKeyError> {
        Self::parse(text)
    }
}

/// Lets a map keyed by instrument be asked with a `&str`.
impl Borrow<str> for InstrumentKey {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for InstrumentKey {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for InstrumentKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for InstrumentKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new(
            "a canonical instrument key such as NSE@NIFTY@IDX",
        ))
    }
}

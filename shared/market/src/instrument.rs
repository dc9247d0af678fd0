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

use alias::Spelling;

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
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Idx, Self::Eq, Self::Fut, Self::Opt, Self::Spot, Self::Perp];

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
        Self::ALL.into_iter().find(|product| product.as_str() == text)
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
        if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(not_canonical(text, &text.to_ascii_uppercase()));
        }
        let mut parts = text.split('@');
        let (Some(exchange), Some(symbol), Some(product)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(part_count(
                text,
                "EXCHANGE@SYMBOL@PRODUCT, for instance NSE@NIFTY@IDX",
            ));
        };
        let Some(product) = Product::read(product) else {
            return Err(InstrumentKeyError::UnknownProduct {
                text: text.to_owned(),
                found: product.to_owned(),
            });
        };
        let (shape, parts_expected) = product.shape();
        if parts_count(text) != parts_expected {
            return Err(part_count(text, shape));
        }
        let part_error = |part, found: &str, rule| {
            Err(InstrumentKeyError::Part {
                text: text.to_owned(),
                part,
                found: found.to_owned(),
                rule,
            })
        };
        if !is_exchange(exchange) {
            return part_error("exchange", exchange, "of A-Z and 0-9, a letter first");
        }
        match alias::spelling(exchange, symbol, product) {
            Spelling::AliasOf(canonical) => {
                let rest = &text[exchange.len() + 1 + symbol.len()..];
                return Err(not_canonical(text, &format!("{exchange}@{canonical}{rest}")));
            }
            Spelling::OtherExchange => {
                return part_error("symbol", symbol, "without the suffix of another exchange");
            }
            Spelling::Plain => {}
        }
        if !is_symbol(symbol) {
            return part_error("symbol", symbol, "of A-Z 0-9 & - . _, a letter or digit first");
        }
        if let Some(expiry) = parts.next()
            && read_date(expiry).is_none()
        {
            return part_error("expiry", expiry, "a real date, YYYY-MM-DD");
        }
        if let Some(right) = parts.next()
            && Right::read(right).is_none()
        {
            return part_error("right", right, "CE or PE");
        }
        if let Some(strike) = parts.next() {
            let Some((whole, fraction)) = read_strike(strike) else {
                return part_error(
                    "strike",
                    strike,
                    "a decimal above 0 of at most 15 digits, such as 24000 or 0.25",
                );
            };
            let point = if fraction.is_empty() { "" } else { "." };
            let after_whole = strike
                .strip_prefix(whole)
                .and_then(|rest| rest.strip_prefix(point));
            if after_whole != Some(fraction) {
                let head = &text[..text.len() - strike.len()];
                return Err(not_canonical(text, &format!("{head}{whole}{point}{fraction}")));
            }
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
        // Parsing left no key without a product.
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

fn parts_count(text: &str) -> usize {
    1 + text.bytes().filter(|byte| *byte == b'@').count()
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

/// Whole and fractional digits of a decimal above 0, without needless zeros:
/// no sign, no exponent, at most [`InstrumentKey::STRIKE_DIGITS_MAX`] digits.
fn read_strike(text: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only(whole) || !digits_only(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let significant = whole.trim_start_matches('0');
    let digits = significant.len() + fraction.len();
    if digits > InstrumentKey::STRIKE_DIGITS_MAX || significant.is_empty() && fraction.is_empty() {
        return None;
    }
    Some((if significant.is_empty() { "0" } else { significant }, fraction))
}

fn part_count(text: &str, shape: &'static str) -> InstrumentKeyError {
    InstrumentKeyError::PartCount {
        text: text.to_owned(),
        found: parts_count(text),
        shape,
    }
}

/// Why `text` is refused, knowing what it means: for its spelling, or for what
/// else is wrong with it when spelt as proposed.
fn not_canonical(text: &str, proposal: &str) -> InstrumentKeyError {
    let canonical = match InstrumentKey::parse(proposal) {
        Ok(key) => key.to_string(),
        Err(InstrumentKeyError::NotCanonical { canonical, .. }) => canonical,
        Err(other) => return other,
    };
    InstrumentKeyError::NotCanonical {
        text: text.to_owned(),
        canonical,
    }
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn parts_of_a_key() {
        let check =
            |text: &str, expected: (&str, &str, Product, Option<Date>, Option<Right>, Option<f64>)| {
                let key = InstrumentKey::parse(text).unwrap();
                let parts = (
                    key.exchange(),
                    key.symbol(),
                    key.product(),
                    key.expiry(),
                    key.right(),
                    key.strike(),
                );
                assert_eq!(parts, expected, "{text}");
                assert_eq!(key.to_string(), text);
                assert_eq!(format!("{key:?}"), text);
            };
        check("NSE@NIFTY@IDX", ("NSE", "NIFTY", Product::Idx, None, None, None));
        check(
            "NASDAQ@AAPL@EQ",
            ("NASDAQ", "AAPL", Product::Eq, None, None, None),
        );
        check("NSE@M&M@EQ", ("NSE", "M&M", Product::Eq, None, None, None));
        check(
            "NSE@BAJAJ-AUTO@EQ",
            ("NSE", "BAJAJ-AUTO", Product::Eq, None, None, None),
        );
        check("NYSE@BRK.B@EQ", ("NYSE", "BRK.B", Product::Eq, None, None, None));
        check(
            "BINANCE@1INCHUSDT@SPOT",
            ("BINANCE", "1INCHUSDT", Product::Spot, None, None, None),
        );
        check(
            "DERIBIT@BTC_USDC@PERP",
            ("DERIBIT", "BTC_USDC", Product::Perp, None, None, None),
        );
        let expiry = Some(date(2026, 11, 26));
        check(
            "NFO@NIFTY@FUT@2026-11-26",
            ("NFO", "NIFTY", Product::Fut, expiry, None, None),
        );
        check(
            "NFO@NIFTY@OPT@2026-11-26@CE@24000",
            (
                "NFO",
                "NIFTY",
                Product::Opt,
                expiry,
                Some(Right::Call),
                Some(24_000.0),
            ),
        );
        check("X@Y@OPT@2024-02-29@PE@0.25", {
            (
                "X",
                "Y",
                Product::Opt,
                Some(date(2024, 2, 29)),
                Some(Right::Put),
                Some(0.25),
            )
        });
    }

    #[test]
    fn refusals_say_what_to_write() {
        let check = |text: &str, expected: &str| {
            let error = InstrumentKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("", "is empty");
        check(" \t", "is empty");
        check(&"A".repeat(65), "has 65 bytes: at most 64");
        check("NIFTY", "has 1 parts: write EXCHANGE@SYMBOL@PRODUCT");
        check("NSE@NIFTY", "has 2 parts: write EXCHANGE@SYMBOL@PRODUCT");
        check("nse@nifty@idx", "write NSE@NIFTY@IDX");
        check(
            "NFO@nifty@OPT@2026-11-26@ce@24000",
            "write NFO@NIFTY@OPT@2026-11-26@CE@24000",
        );
        check(" NSE@NIFTY@IDX", "exchange \" NSE\" must be");
        check("NSE @NIFTY@IDX", "exchange \"NSE \" must be");
        check("@NIFTY@IDX", "exchange \"\" must be");
        check("1NSE@NIFTY@IDX", "a letter first");
        check("NSE@@IDX", "symbol \"\" must be");
        check("NSE@NIF TY@EQ", "symbol \"NIF TY\" must be");
        check("NSE@A:B@EQ", "symbol \"A:B\" must be");
        check("NSE@-A@EQ", "a letter or digit first");
        check("NSE@\u{c9}A@EQ", "symbol");
        check(
            "NSE@NIFTY@IDX ",
            "unknown product \"IDX \": write one of IDX EQ FUT OPT SPOT PERP",
        );
        check("NSE@NIFTY@INDEX", "unknown product \"INDEX\"");
        check("NSE@NIFTY@", "unknown product \"\"");
        check("NSE@NIFTY@IDX@", "has 4 parts: write EXCHANGE@SYMBOL@IDX");
        check(
            "NSE@NIFTY@IDX@2026-11-26",
            "has 4 parts: write EXCHANGE@SYMBOL@IDX",
        );
        check(
            "NFO@NIFTY@FUT",
            "has 3 parts: write EXCHANGE@SYMBOL@FUT@YYYY-MM-DD",
        );
        check(
            "NFO@NIFTY@OPT@2026-11-26@24000",
            "has 5 parts: write EXCHANGE@SYMBOL@OPT@YYYY-MM-DD@CE@STRIKE",
        );
        for expiry in [
            "26NOV2026",
            "2026-11-31",
            "2025-02-29",
            "2026-1-26",
            "26-11-2026",
            "20261126",
            "+026-11-26",
        ] {
            check(&format!("NFO@NIFTY@FUT@{expiry}"), "a real date, YYYY-MM-DD");
        }
        check("NFO@NIFTY@OPT@2026-11-26@C@24000", "right \"C\" must be CE or PE");
        check(
            "NFO@NIFTY@OPT@2026-11-26@24000@CE",
            "right \"24000\" must be CE or PE",
        );
        for strike in ["24000.0", "024000", "24000.", "24000.000"] {
            check(
                &format!("NFO@NIFTY@OPT@2026-11-26@CE@{strike}"),
                "write NFO@NIFTY@OPT@2026-11-26@CE@24000",
            );
        }
        check("X@Y@OPT@2026-11-26@CE@.50", "write X@Y@OPT@2026-11-26@CE@0.5");
        for strike in [
            "",
            "0",
            "0.0",
            ".",
            "-1",
            "+1",
            "1E5",
            "24,000",
            "NAN",
            "INF",
            "1.2.3",
            "1234567890123456",
        ] {
            check(
                &format!("X@Y@OPT@2026-11-26@CE@{strike}"),
                "a decimal above 0 of at most 15 digits",
            );
        }
        check("NSE@NIFTY50@IDX", "write NSE@NIFTY@IDX");
        check("NSE@NIFTY 50@IDX", "write NSE@NIFTY@IDX");
        check("NFO@NIFTY50@FUT@2026-11-26", "write NFO@NIFTY@FUT@2026-11-26");
        check("NSE@RELIANCE-EQ@EQ", "write NSE@RELIANCE@EQ");
        check("NSE@RELIANCE-EQ-EQ@EQ", "write NSE@RELIANCE@EQ");
        check("nse@reliance-eq@idx@", "has 4 parts");
        check("NSE@RELIANCE.BO@EQ", "without the suffix of another exchange");
    }

    #[test]
    fn serde_validates() {
        let key = InstrumentKey::parse("NSE@NIFTY@IDX").unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"NSE@NIFTY@IDX\"");
        assert_eq!(
            serde_json::from_str::<InstrumentKey>("\"NSE@NIFTY@IDX\"").unwrap(),
            key
        );
        assert!(serde_json::from_str::<InstrumentKey>("\"nse@nifty@idx\"").is_err());
        assert!(serde_json::from_str::<InstrumentKey>("7").is_err());
        let bytes = postcard::to_allocvec(&key).unwrap();
        assert_eq!(postcard::from_bytes::<InstrumentKey>(&bytes).unwrap(), key);
        for product in ["IDX", "EQ", "FUT", "OPT", "SPOT", "PERP"] {
            let text = serde_json::to_string(&Product::read(product).unwrap()).unwrap();
            assert_eq!(text, format!("\"{product}\""));
        }
    }
}

//! Other spellings of an instrument, seen at the edges.

use super::{InstrumentKey, Product, is_symbol};
use crate::InstrumentKeyError;

/// An index, and the names it goes by besides `EXCHANGE@SYMBOL@IDX`.
struct Index {
    exchange: &'static str,
    symbol: &'static str,
    aliases: &'static [&'static str],
}

const INDICES: [Index; 8] = [
    Index {
        exchange: "NSE",
        symbol: "NIFTY",
        aliases: &["NIFTY50", "NIFTY 50", "NIFTY-50", "^NSEI"],
    },
    Index {
        exchange: "NSE",
        symbol: "BANKNIFTY",
        aliases: &["NIFTY BANK", "NIFTYBANK", "BANK NIFTY", "^NSEBANK"],
    },
    Index {
        exchange: "NSE",
        symbol: "FINNIFTY",
        aliases: &["NIFTY FIN SERVICE"],
    },
    Index {
        exchange: "NSE",
        symbol: "MIDCPNIFTY",
        aliases: &["NIFTY MID SELECT"],
    },
    Index {
        exchange: "NSE",
        symbol: "NIFTYNXT50",
        aliases: &["NIFTY NEXT 50"],
    },
    Index {
        exchange: "NSE",
        symbol: "INDIAVIX",
        aliases: &["INDIA VIX", "^INDIAVIX"],
    },
    Index {
        exchange: "BSE",
        symbol: "SENSEX",
        aliases: &["BSE SENSEX", "^BSESN"],
    },
    Index {
        exchange: "BSE",
        symbol: "BANKEX",
        aliases: &["BSE BANKEX"],
    },
];

/// Suffixes of shares, and the exchange that they name. `-EQ` is the series of
/// ordinary shares on NSE, and other systems write it for both exchanges.
const SUFFIXES: [(&str, Option<&str>); 3] = [("-EQ", None), (".NS", Some("NSE")), (".BO", Some("BSE"))];

/// How a symbol is spelt.
pub(super) enum Spelling<'a> {
    /// Not an alias.
    Plain,
    /// Another name of this symbol.
    AliasOf(&'a str),
    /// With a suffix that names another exchange.
    OtherExchange,
}

/// How `symbol` is spelt in a key.
pub(super) fn spelling<'a>(exchange: &str, symbol: &'a str, product: Product) -> Spelling<'a> {
    let home = match exchange {
        "NSE" | "NFO" => "NSE",
        "BSE" | "BFO" => "BSE",
        _ => return Spelling::Plain,
    };
    let mut indices = INDICES
        .iter()
        .filter(|index| index.exchange == home && product != Product::Eq);
    if let Some(index) = indices.find(|index| index.aliases.contains(&symbol)) {
        return Spelling::AliasOf(index.symbol);
    }
    match without_suffix(symbol) {
        None => Spelling::Plain,
        Some((bare, suffix_home)) if suffix_home.is_none_or(|suffix_home| suffix_home == home) => {
            Spelling::AliasOf(bare)
        }
        Some(_) => Spelling::OtherExchange,
    }
}

/// The symbol before a suffix, and the exchange that the suffix names.
fn without_suffix(symbol: &str) -> Option<(&str, Option<&'static str>)> {
    let mut suffixes = SUFFIXES.iter();
    suffixes.find_map(|(suffix, home)| Some((symbol.strip_suffix(suffix)?, *home)))
}

impl InstrumentKey {
    /// Reads a key as people and other systems write it, for use at the edges
    /// only: canonical keys in either case, `NSE:NIFTY 50`, `NIFTY50`,
    /// `^NSEI`, `NIFTY BANK`, `NSE:RELIANCE`, `RELIANCE-EQ`, `RELIANCE.NS`,
    /// `RELIANCE.BO`. What would have to be guessed is refused.
    ///
    /// ```
    /// # use tickwire_market::InstrumentKey;
    /// assert_eq!(InstrumentKey::from_alias("NSE:NIFTY 50")?.as_str(), "NSE@NIFTY@IDX");
    /// assert_eq!(InstrumentKey::from_alias("reliance.ns")?.as_str(), "NSE@RELIANCE@EQ");
    /// # Ok::<(), tickwire_market::InstrumentKeyError>(())
    /// ```
    pub fn from_alias(text: &str) -> Result<Self, InstrumentKeyError> {
        let upper = text.trim().to_ascii_uppercase();
        if upper.is_empty() {
            return Err(InstrumentKeyError::Empty);
        }
        if upper.len() > Self::BYTES_MAX {
            return Err(InstrumentKeyError::TooLong { bytes: upper.len() });
        }
        if upper.contains('@') {
            return match Self::parse(&upper) {
                Err(InstrumentKeyError::NotCanonical { canonical, .. }) => Self::parse(&canonical),
                other => other,
            };
        }
        let (exchange, name) = match upper.split_once(':') {
            Some((exchange, name)) => (Some(exchange.trim()), name.trim()),
            None => (None, upper.as_str()),
        };
        let mut indices = INDICES
            .iter()
            .filter(|index| exchange.is_none_or(|exchange| exchange == index.exchange));
        if let Some(index) = indices.find(|index| index.symbol == name || index.aliases.contains(&name)) {
            return Self::parse(&format!("{}@{}@IDX", index.exchange, index.symbol));
        }
        let (bare, suffix_home) = match without_suffix(name) {
            Some((bare, home)) => (bare, home.or(exchange).or(Some("NSE"))),
            None => (name, None),
        };
        match (exchange, suffix_home) {
            (None, Some(home)) => Self::parse(&format!("{home}@{bare}@EQ")),
            (Some(exchange @ ("NSE" | "BSE")), home) if home.is_none_or(|home| home == exchange) => {
                Self::parse(&format!("{exchange}@{bare}@EQ"))
            }
            _ => Err(InstrumentKeyError::UnknownAlias {
                text: text.trim().to_owned(),
                suggestion: match exchange {
                    Some(exchange) if is_symbol(bare) => format!("{exchange}@{bare}@PRODUCT"),
                    None if is_symbol(bare) => format!("EXCHANGE@{bare}@PRODUCT"),
                    _ => "EXCHANGE@SYMBOL@PRODUCT[@EXPIRY][@CE|PE][@STRIKE]".to_owned(),
                },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_resolved() {
        let check = |alias: &str, expected: &str| {
            assert_eq!(
                InstrumentKey::from_alias(alias).unwrap().as_str(),
                expected,
                "{alias}"
            );
        };
        for alias in [
            "NSE:NIFTY 50",
            "NIFTY50",
            "^NSEI",
            "NIFTY 50",
            "nifty",
            "nse:nifty",
            " NIFTY ",
            "NSE@NIFTY 50@IDX",
        ] {
            check(alias, "NSE@NIFTY@IDX");
        }
        for alias in ["NIFTY BANK", "NSE:NIFTY BANK", "^NSEBANK", "banknifty"] {
            check(alias, "NSE@BANKNIFTY@IDX");
        }
        check("India VIX", "NSE@INDIAVIX@IDX");
        check("BSE:SENSEX", "BSE@SENSEX@IDX");
        check("^BSESN", "BSE@SENSEX@IDX");
        for alias in [
            "RELIANCE-EQ",
            "NSE:RELIANCE-EQ",
            "reliance.ns",
            "NSE:RELIANCE",
            "nse@reliance-eq@eq",
            "NSE:RELIANCE.NS",
        ] {
            check(alias, "NSE@RELIANCE@EQ");
        }
        for alias in ["RELIANCE.BO", "BSE:RELIANCE", "BSE:RELIANCE-EQ"] {
            check(alias, "BSE@RELIANCE@EQ");
        }
        check("BAJAJ-AUTO-EQ", "NSE@BAJAJ-AUTO@EQ");
        check("M&M.NS", "NSE@M&M@EQ");
        check(
            "nfo@nifty50@opt@2026-11-26@ce@24000.0",
            "NFO@NIFTY@OPT@2026-11-26@CE@24000",
        );
        check("nasdaq@aapl@eq", "NASDAQ@AAPL@EQ");
    }

    #[test]
    fn what_would_be_a_guess_is_refused() {
        let check = |alias: &str, expected: &str| {
            let error = InstrumentKey::from_alias(alias).unwrap_err().to_string();
            assert!(error.contains(expected), "{alias}: {error}");
        };
        check("", "is empty");
        check("AAPL", "write EXCHANGE@AAPL@PRODUCT");
        check("NASDAQ:AAPL", "write NASDAQ@AAPL@PRODUCT");
        check("NFO:NIFTY26NOV24000CE", "write NFO@NIFTY26NOV24000CE@PRODUCT");
        check("NIFTY 24000 CE", "write EXCHANGE@SYMBOL@PRODUCT[@EXPIRY]");
        check("NSE:RELIANCE.BO", "write NSE@RELIANCE@PRODUCT");
        check("NSE:NIFTY MIDCAP 100", "symbol \"NIFTY MIDCAP 100\" must be");
        check(":", "neither an instrument key nor a known alias");
        check(&"x".repeat(65), "has 65 bytes");
    }

    #[test]
    fn no_alias_is_ambiguous() {
        let names = || {
            INDICES
                .iter()
                .flat_map(|index| index.aliases.iter().chain([&index.symbol]))
        };
        for name in names() {
            assert_eq!(names().filter(|other| *other == name).count(), 1, "{name}");
        }
    }
}

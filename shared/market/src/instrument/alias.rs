//! Other spellings of an instrument, seen at the edges.

use super::{InstrumentKey, Product};
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

/// Suffixes that say share and exchange.
const SUFFIXES: [(&str, &str); 3] = [("-EQ", "NSE"), (".NS", "NSE"), (".BO", "BSE")];

/// The derivatives segment of each Indian exchange.
fn home(exchange: &str) -> Option<&'static str> {
    match exchange {
        "NSE" | "NFO" => Some("NSE"),
        "BSE" | "BFO" => Some("BSE"),
        _ => None,
    }
}

/// The canonical symbol, if `symbol` is an alias of it.
pub(super) fn canonical_symbol<'a>(exchange: &str, symbol: &'a str, product: Product) -> Option<&'a str> {
    let home = home(exchange)?;
    if product != Product::Eq {
        let index = INDICES
            .iter()
            .find(|index| index.exchange == home && index.aliases.contains(&symbol));
        if let Some(index) = index {
            return Some(index.symbol);
        }
    }
    let bare = SUFFIXES
        .iter()
        .find_map(|(suffix, _)| symbol.strip_suffix(suffix))?;
    (!bare.is_empty()).then_some(bare)
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
        if let Some((exchange, rest)) = upper.split_once('@') {
            let (symbol, rest) = rest.split_once('@').unwrap_or((rest, ""));
            let product = Product::read(rest.split('@').next().unwrap_or_default());
            let canonical = product.and_then(|product| canonical_symbol(exchange, symbol, product));
            return match canonical {
                Some(symbol) => Self::parse(&format!("{exchange}@{symbol}@{rest}")),
                None => Self::parse(&upper),
            };
        }
        let (exchange, name) = match upper.split_once(':') {
            Some((exchange, name)) => (Some(exchange.trim()), name.trim()),
            None => (None, upper.as_str()),
        };
        let matches_exchange = |home: &str| exchange.is_none_or(|exchange| exchange == home);
        let index = INDICES.iter().find(|index| {
            matches_exchange(index.exchange) && (index.symbol == name || index.aliases.contains(&name))
        });
        if let Some(Index { exchange, symbol, .. }) = index {
            return Self::parse(&format!("{exchange}@{symbol}@IDX"));
        }
        let suffixed = SUFFIXES
            .iter()
            .find_map(|(suffix, home)| Some((name.strip_suffix(suffix)?, *home)));
        match (exchange, suffixed) {
            (None, Some((symbol, home))) => Self::parse(&format!("{home}@{symbol}@EQ")),
            // `-EQ` is the share series on both exchanges.
            (Some(exchange @ ("NSE" | "BSE")), Some((symbol, home)))
                if home == exchange || name.ends_with("-EQ") =>
            {
                Self::parse(&format!("{exchange}@{symbol}@EQ"))
            }
            (Some(exchange @ ("NSE" | "BSE")), None) => Self::parse(&format!("{exchange}@{name}@EQ")),
            (exchange, _) => {
                let exchange = exchange.unwrap_or("EXCHANGE");
                Err(InstrumentKeyError::UnknownAlias {
                    text: text.trim().to_owned(),
                    suggestion: format!("{exchange}@{name}@PRODUCT with one of IDX EQ FUT OPT SPOT PERP"),
                })
            }
        }
    }
}

//! What a column holds, and the names it goes by.

use std::str::FromStr;

use super::error::FeedError;

/// What a column of a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// A point in time, or the time of day beside a [`Date`](Self::Date).
    Time,
    /// A day.
    Date,
    /// First price of a bar.
    Open,
    /// Highest price of a bar.
    High,
    /// Lowest price of a bar.
    Low,
    /// Last price of a bar.
    Close,
    /// Quantity: traded inside a bar, or by one trade (cumulative if there is
    /// a size as well).
    Volume,
    /// Best bid.
    Bid,
    /// Best ask.
    Ask,
    /// Quantity wanted at the bid.
    BidSize,
    /// Quantity offered at the ask.
    AskSize,
    /// Price of a trade.
    Price,
    /// Quantity of a trade.
    Size,
    /// Quantity traded so far in the session.
    CumulativeVolume,
    /// Open interest.
    OpenInterest,
    /// What the exchange calls the instrument, or its key.
    Ticker,
    /// Where it is traded.
    Exchange,
    /// Nothing that is read.
    Ignore,
}

/// A column with its name, and what else it is called in headers (in lower
/// case, without blanks and `_-.<>`).
struct Names {
    column: Column,
    name: &'static str,
    headers: &'static [&'static str],
}

const NAMES: [Names; 18] = [
    Names {
        column: Column::Time,
        name: "time",
        headers: &[
            "timestamp",
            "datetime",
            "localtime",
            "gmttime",
            "unix",
            "unixtime",
            "unixtimestamp",
            "epoch",
            "ts",
            "t",
            "opentime",
            "starttime",
            "exchangetime",
            "exchangetimestamp",
            "eventtime",
            "tradetime",
            "quotetime",
            "transacttime",
            "transactiontime",
            "lasttradetime",
            "timeutc",
            "utctime",
            "utc",
            "time(utc)",
            "timems",
            "timestampms",
            "datetimeutc",
            "date/time",
            "bartime",
            "ratedatetime",
            "quotedatetime",
            "timem",
            "tsns",
            "tsevent",
            "siptimestamp",
        ],
    },
    Names {
        column: Column::Date,
        name: "date",
        headers: &["day", "tradedate", "tradingday", "tradingdate"],
    },
    Names {
        column: Column::Open,
        name: "open",
        headers: &["o", "openprice"],
    },
    Names {
        column: Column::High,
        name: "high",
        headers: &["h", "highprice"],
    },
    Names {
        column: Column::Low,
        name: "low",
        headers: &["l", "lowprice"],
    },
    Names {
        column: Column::Close,
        name: "close",
        headers: &["c", "closeprice", "close/last"],
    },
    Names {
        column: Column::Volume,
        name: "volume",
        headers: &[
            "vol",
            "v",
            "basevolume",
            "tottrdqty",
            "ttltradgvol",
            "tradedquantity",
        ],
    },
    Names {
        column: Column::Bid,
        name: "bid",
        headers: &[
            "b",
            "bidprice",
            "bestbid",
            "bestbidprice",
            "bidpx",
            "bid1",
            "bidprice1",
            "ratebid",
            "bidpx00",
            "bp",
        ],
    },
    Names {
        column: Column::Ask,
        name: "ask",
        headers: &[
            "a",
            "askprice",
            "bestask",
            "bestaskprice",
            "askpx",
            "ask1",
            "askprice1",
            "offer",
            "offerprice",
            "ofr",
            "rateask",
            "askpx00",
            "ap",
        ],
    },
    Names {
        column: Column::BidSize,
        name: "bid_size",
        headers: &[
            "bidvolume",
            "bidqty",
            "bidquantity",
            "bidvol",
            "bidamount",
            "bestbidsize",
            "bestbidqty",
            "bidsz",
            "bidsiz",
            "bidsz00",
            "bs",
        ],
    },
    Names {
        column: Column::AskSize,
        name: "ask_size",
        headers: &[
            "askvolume",
            "askqty",
            "askquantity",
            "askvol",
            "askamount",
            "bestasksize",
            "bestaskqty",
            "asksz",
            "offersize",
            "ofrsiz",
            "asksiz",
            "asksz00",
            "as",
        ],
    },
    Names {
        column: Column::Price,
        name: "price",
        headers: &[
            "last",
            "ltp",
            "lastprice",
            "tradeprice",
            "p",
            "px",
            "lasttradedprice",
            "lasttradeprice",
        ],
    },
    Names {
        column: Column::Size,
        name: "size",
        headers: &[
            "qty",
            "quantity",
            "amount",
            "tradesize",
            "tradeqty",
            "tradevolume",
            "ltq",
            "lastquantity",
            "lastsize",
            "lasttradedquantity",
            "sz",
            "shares",
            "contracts",
        ],
    },
    Names {
        column: Column::CumulativeVolume,
        name: "cumulative_volume",
        headers: &[
            "volumetraded",
            "totalvolume",
            "dayvolume",
            "volumetradedtoday",
            "cumvolume",
        ],
    },
    Names {
        column: Column::OpenInterest,
        name: "open_interest",
        headers: &["oi", "openint", "opnint"],
    },
    Names {
        column: Column::Ticker,
        name: "ticker",
        headers: &[
            "symbol",
            "sym",
            "instrument",
            "tradingsymbol",
            "name",
            "stock",
            "pair",
            "contract",
            "instrumentkey",
            "currencypair",
            "symroot",
        ],
    },
    Names {
        column: Column::Exchange,
        name: "exchange",
        headers: &["exch", "venue", "market"],
    },
    Names {
        column: Column::Ignore,
        name: "ignore",
        headers: &[],
    },
];

impl Column {
    /// The name, as written in `--columns`.
    pub fn as_str(self) -> &'static str {
        NAMES
            .iter()
            .find(|names| names.column == self)
            .map_or("ignore", |names| names.name)
    }

    /// Every name, separated by blanks.
    pub(super) fn names() -> String {
        NAMES.map(|names| names.name).join(" ")
    }

    /// The column that a header means, if it is known.
    pub(super) fn from_header(text: &[u8]) -> Option<Self> {
        let plain: String = String::from_utf8_lossy(text)
            .chars()
            .filter(|letter| !letter.is_whitespace() && !"_-.<>\"'".contains(*letter))
            .flat_map(char::to_lowercase)
            .collect();
        let is_name =
            |names: &&Names| names.name.replace('_', "") == plain || names.headers.contains(&plain.as_str());
        NAMES.iter().find(is_name).map(|names| names.column)
    }

    /// Reads `--columns`: names separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, FeedError> {
        text.split(',').map(|name| name.trim().parse()).collect()
    }
}

impl FromStr for Column {
    type Err = FeedError;

    /// Reads a name, or any header with the same meaning; `-` and `_` are ignored columns.
    fn from_str(text: &str) -> Result<Self, FeedError> {
        if matches!(text, "-" | "_") {
            return Ok(Self::Ignore);
        }
        Self::from_header(text.as_bytes()).ok_or_else(|| FeedError::UnknownColumn {
            found: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let check =
            |text: &str, expected| assert_eq!(Column::from_header(text.as_bytes()), expected, "{text}");
        check("Time", Some(Column::Time));
        check("Local time", Some(Column::Time));
        check("<DATE>", Some(Column::Date));
        check("Bid_Size", Some(Column::BidSize));
        check("ASK", Some(Column::Ask));
        check("Vol.", Some(Column::Volume));
        check("LTP", Some(Column::Price));
        check("Adj Close", None);
        check("Volume USDT", None);
        check("", None);
    }

    #[test]
    fn lists() {
        let columns = Column::parse_list("time,bid, ask,-").unwrap();
        assert_eq!(columns, [Column::Time, Column::Bid, Column::Ask, Column::Ignore]);
        let error = Column::parse_list("time,bud").unwrap_err().to_string();
        assert!(error.contains("\"bud\"") && error.contains("bid_size"), "{error}");
    }

    #[test]
    fn one_meaning_a_header() {
        let mut seen = std::collections::BTreeSet::new();
        for names in &NAMES {
            assert!(seen.insert(names.name), "{}", names.name);
            assert_eq!(names.name.parse::<Column>().unwrap(), names.column);
            names
                .headers
                .iter()
                .for_each(|header| assert!(seen.insert(header), "{header}"));
        }
    }
}

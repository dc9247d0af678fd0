//! The bundled sample: thirteen years of daily bars of five shares, so that
//! there is something to replay without a file (see `sample/README.md`).

use std::collections::BTreeMap;

use jiff::civil::Date;
use thiserror::Error;
use tickwire_market::InstrumentKey;

use super::file::{FeedError, FileFeed, FileOptions};

const BARS: &[u8] = include_bytes!("../../sample/stocks-daily.csv.gz");
const SPLITS: &str = include_str!("../../sample/splits.csv");
/// Each ticker with its exchange.
const EXCHANGES: [(&str, &str); 5] = [
    ("AAPL", "NASDAQ"),
    ("FB", "NASDAQ"),
    ("GOOG", "NASDAQ"),
    ("IBM", "NYSE"),
    ("MSFT", "NASDAQ"),
];

/// A split of a share.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Which share.
    pub instrument: InstrumentKey,
    /// First trading day at the new price.
    pub effective_day: Date,
    /// Shares after the split for one before: prices before are to be divided by it.
    pub ratio: f64,
}

/// A line of a table of splits that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} of the splits: {reason}: write EXCHANGE@SYMBOL@EQ,YYYY-MM-DD,RATIO")]
pub struct SplitError {
    /// Line, from 1.
    pub line: usize,
    /// Why not.
    pub reason: &'static str,
}

/// The bars as ticks, in the order of time over all five shares.
pub fn feed() -> Result<FileFeed, FeedError> {
    let exchange_of: BTreeMap<_, _> = EXCHANGES
        .iter()
        .map(|(ticker, exchange)| ((*ticker).to_owned(), (*exchange).to_owned()))
        .collect();
    let options = FileOptions {
        exchange_of,
        ..FileOptions::default()
    };
    FileFeed::from_static("the bundled sample", BARS, &options)
}

/// The splits within the bars, as stored: by instrument, then day.
pub fn splits() -> Result<Vec<Split>, SplitError> {
    read_splits(SPLITS)
}

/// Reads `instrument,effective_day,ratio` with a header.
pub fn read_splits(text: &str) -> Result<Vec<Split>, SplitError> {
    let rows = text
        .lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty());
    rows.map(|(at, line)| read_split(line).map_err(|reason| SplitError { line: at + 1, reason }))
        .collect()
}

fn read_split(line: &str) -> Result<Split, &'static str> {
    let mut fields = line.split(',').map(str::trim);
    let (Some(instrument), Some(day), Some(ratio), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("it does not have three columns");
    };
    let instrument = InstrumentKey::parse(instrument).map_err(|_| "the instrument is no key")?;
    let effective_day = day.parse().map_err(|_| "the day is no date")?;
    let ratio: f64 = ratio.parse().map_err(|_| "the ratio is no number")?;
    if !ratio.is_finite() || ratio <= 0.0 {
        return Err("the ratio is not above 0");
    }
    Ok(Split {
        instrument,
        effective_day,
        ratio,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    #[test]
    fn every_row_is_read_in_the_order_of_time() {
        let feed = feed().unwrap();
        let keys = [
            "NASDAQ@AAPL@EQ",
            "NASDAQ@FB@EQ",
            "NASDAQ@GOOG@EQ",
            "NASDAQ@MSFT@EQ",
            "NYSE@IBM@EQ",
        ];
        let found: Vec<_> = feed
            .describe()
            .instruments
            .iter()
            .map(InstrumentKey::as_str)
            .collect();
        assert_eq!(found, keys);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut last = None;
        for row in feed {
            let tick = row.unwrap().tick;
            assert!(last <= Some(tick.exchange_time), "{tick:?}");
            last = Some(tick.exchange_time);
            *counts.entry(tick.instrument.to_string()).or_default() += 1;
        }
        assert_eq!(
            counts.into_values().collect::<Vec<_>>(),
            [3270 * 4, 196 * 4, 2148 * 4, 3270 * 4, 3270 * 4]
        );
        assert_eq!(last.unwrap().to_string(), "2013-03-01T20:59:59.999Z");
    }

    /// A split is where the ratio of close to adjusted close falls by more than a quarter.
    #[test]
    fn splits_are_those_of_the_adjusted_close() {
        let mut text = String::new();
        flate2::read::GzDecoder::new(BARS)
            .read_to_string(&mut text)
            .unwrap();
        let mut found = Vec::new();
        let mut last: Option<(String, f64)> = None;
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let ratio = fields[5].parse::<f64>().unwrap() / fields[7].parse::<f64>().unwrap();
            if let Some((ticker, before)) = &last
                && ticker == fields[0]
                && before / ratio > 1.25
            {
                found.push((
                    format!("NASDAQ@{ticker}@EQ"),
                    fields[1].to_owned(),
                    (before / ratio).round(),
                ));
            }
            last = Some((fields[0].to_owned(), ratio));
        }
        let stored = splits().unwrap();
        let stored: Vec<_> = stored
            .into_iter()
            .map(|split| {
                (
                    split.instrument.to_string(),
                    split.effective_day.to_string(),
                    split.ratio,
                )
            })
            .collect();
        assert_eq!(stored, found);
        assert_eq!(stored.len(), 3);
    }

    #[test]
    fn splits_that_cannot_be_read() {
        let check = |row: &str, expected| {
            let error = read_splits(&format!("instrument,effective_day,ratio\n\n{row}\n")).unwrap_err();
            assert_eq!((error.line, error.reason), (3, expected));
        };
        check("NASDAQ@AAPL@EQ,2000-06-21", "it does not have three columns");
        check("AAPL,2000-06-21,2", "the instrument is no key");
        check("NASDAQ@AAPL@EQ,2000-06-31,2", "the day is no date");
        check("NASDAQ@AAPL@EQ,2000-06-21,x", "the ratio is no number");
        check("NASDAQ@AAPL@EQ,2000-06-21,0", "the ratio is not above 0");
    }
}

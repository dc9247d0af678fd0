//! What commands that feed a stack are told of the feed.

use std::time::Duration;

use clap::Args;
use tickwire_market::{InstrumentKey, Timeframe};
use tickwire_signals::ChainTerms;

use super::up::UpError;
use crate::feed::file::{Column, FileOptions};

/// How long a tick waits for others of its group: as short as lets a group that ticks all the time
/// take no more than 60 write units a second.
pub(super) const FLUSH_DEFAULT: &str = "23ms";

/// How options are valued.
#[derive(Args, Clone, Debug)]
pub struct ChainTermsArgs {
    /// Continuous rate per year by which options are valued; without it they have no Greeks
    /// [default: that of the simulated market]
    #[arg(long, value_name = "R")]
    pub interest_rate: Option<f64>,
    /// Continuous yield per year of what the options are of
    #[arg(long, value_name = "Y", default_value_t = 0.0)]
    pub dividend_yield: f64,
    /// How often a whole chain is valued, at the most
    #[arg(long, value_name = "T", default_value = "1s", value_parser = parse_duration)]
    pub chain_every: Duration,
}

impl ChainTermsArgs {
    /// What is told of chains, if there is a rate; `usual` where none was given.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn terms(&self, usual: Option<f64>) -> Result<Option<ChainTerms>, UpError> {
        let Some(rate) = self.interest_rate.or(usual) else {
            return Ok(None);
        };
        let terms = ChainTerms {
            dividend_yield: self.dividend_yield,
            every: i64::try_from(self.chain_every.as_nanos()).unwrap_or(i64::MAX),
            ..ChainTerms::flat(rate)
        };
        terms.check().map_err(|e| UpError::Usage(e.to_string()))?;
        Ok(Some(terms))
    }
}

/// What a file holds, where it does not say so itself.
#[derive(Args, Clone, Debug, Default)]
pub struct FileArgs {
    /// What the columns hold, in order, such as time,bid,ask,volume
    #[arg(long, value_name = "NAMES")]
    pub columns: Option<String>,
    /// The one instrument of the file, such as FX@EURUSD@SPOT
    #[arg(long, value_name = "KEY", value_parser = InstrumentKey::from_alias)]
    pub instrument: Option<InstrumentKey>,
    /// Zone of times without an offset, such as America/New_York
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Exchange of the tickers in the file, such as NASDAQ
    #[arg(long, value_name = "EXCHANGE")]
    pub exchange: Option<String>,
    /// How long the bars of the file are, such as 1m or 1d
    #[arg(long, value_name = "TIMEFRAME")]
    pub timeframe: Option<Timeframe>,
}

impl FileArgs {
    /// As the reader takes them.
    ///
    /// # Errors
    /// When a column or zone is not one.
    pub fn options(&self) -> Result<FileOptions, String> {
        let columns = self
            .columns
            .as_deref()
            .map(Column::parse_list)
            .transpose()
            .map_err(|e| e.to_string())?;
        let time_zone = self
            .timezone
            .as_deref()
            .map(jiff::tz::TimeZone::get)
            .transpose()
            .map_err(|e| format!("{e}: write a zone such as UTC or America/New_York"))?;
        Ok(FileOptions {
            columns,
            instrument: self.instrument.clone(),
            exchange: self.exchange.clone(),
            time_zone,
            timeframe: self.timeframe,
            ..FileOptions::default()
        })
    }
}

/// A duration: `250ms`, `90s`, `10m`, `2h`, or a plain number of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write a duration such as 5ms, 90s, 10m or 2h";
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| FORM.to_owned())?;
    let seconds = match unit {
        "" | "ms" => number / 1_000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(FORM.to_owned()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| FORM.to_owned())
}

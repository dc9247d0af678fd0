//! What can be wrong with a file, and with a row of it.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::bytes::MEMORY_BYTES_MAX;
use super::column::Column;

/// Why a file cannot be replayed at all, and what to do about it.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The file cannot be opened or read.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No such file.
    #[error("there is no file {}: check the path", path.display())]
    NotFound {
        /// Which file.
        path: PathBuf,
    },
    /// Compressed, and not a byte of it can be read.
    #[error("cannot decompress {name}: {source}: it is cut off or damaged, fetch it again")]
    Damaged {
        /// Which file.
        name: String,
        /// What the decompressor says.
        source: std::io::Error,
    },
    /// Parquet, and not what can be read.
    #[error("cannot read {name} as Parquet: {reason}")]
    Parquet {
        /// Which file.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Quotes or trades where bars are wanted.
    #[error(
        "{name} holds no bars: give a file with open, high, low and close, or name its columns with --columns"
    )]
    NoBars {
        /// Which file.
        name: String,
    },
    /// A directory, a pipe, a device.
    #[error("{} is {kind}: name a regular file of quotes, trades or bars", path.display())]
    NotAFile {
        /// Which path.
        path: PathBuf,
        /// What it is instead.
        kind: &'static str,
    },
    /// The file may not be read by this user.
    #[error("no permission to read {}: change its mode (chmod u+r) or run as its owner", path.display())]
    NoPermission {
        /// Which file.
        path: PathBuf,
    },
    /// No line with data.
    #[error("{name} has no rows: expected lines of quotes, trades or bars")]
    Empty {
        /// Which file.
        name: String,
    },
    /// Not text.
    #[error("{name} is not text but {found}: {remedy}")]
    NotText {
        /// Which file.
        name: String,
        /// What it looks like.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A file that has to be held in memory (see [`MEMORY_BYTES_MAX`]) and is too large.
    #[error(
        "{name} is not in time order and larger than {} MB, so it cannot be put in order in memory: {remedy}",
        MEMORY_BYTES_MAX / 1_000_000
    )]
    TooLargeToOrder {
        /// Which file.
        name: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The columns are not told by a header and cannot be guessed safely.
    #[error(
        "cannot tell the columns of {name}: {reason}; give --columns, for instance \
        --columns time,bid,ask,volume ({}); the first line is: {first_line}",
        Column::names()
    )]
    ColumnsUnclear {
        /// Which file.
        name: String,
        /// Why not.
        reason: String,
        /// The first line of data, shortened.
        first_line: String,
    },
    /// The columns given do not make quotes, trades or bars.
    #[error("the columns of {name} ({columns}) {problem}")]
    ColumnsIncomplete {
        /// Which file.
        name: String,
        /// The columns found or given.
        columns: String,
        /// What is wrong with them, and what to do.
        problem: &'static str,
    },
    /// A name in `--columns` that is not a column.
    #[error("unknown column \"{found}\": known are {}", Column::names())]
    UnknownColumn {
        /// The name as given.
        found: String,
    },
    /// A `--date-order` that is none.
    #[error("unknown date order \"{found}\": write dmy or mdy")]
    UnknownDateOrder {
        /// As given.
        found: String,
    },
    /// `01/02/2020`: day or month first?
    #[error(
        "cannot tell whether dates of {name} such as \"{example}\" begin with the day or the month: \
        give --date-order dmy or --date-order mdy"
    )]
    DateOrderUnclear {
        /// Which file.
        name: String,
        /// A date of the file.
        example: String,
    },
    /// The time column of the first row cannot be read.
    #[error("cannot read the time \"{found}\" in the first row of {name}: {reason}")]
    TimeUnreadable {
        /// Which file.
        name: String,
        /// The text found.
        found: String,
        /// Why not.
        reason: String,
    },
    /// Nothing says which instrument the rows are of.
    #[error(
        "{name} does not say which instrument it is of: give --instrument KEY, for instance \
        --instrument FX@EURUSD@SPOT"
    )]
    NoInstrument {
        /// Which file.
        name: String,
    },
    /// A ticker column without an exchange.
    #[error(
        "{name} has tickers such as \"{ticker}\", but not their exchange: give --exchange, for instance \
        --exchange NASDAQ, or --instrument KEY if it is all one instrument"
    )]
    NoExchange {
        /// Which file.
        name: String,
        /// A ticker of the file.
        ticker: String,
    },
    /// The length of the bars cannot be inferred.
    #[error(
        "cannot tell how long the bars of {name} are: {reason}; give --timeframe, for instance --timeframe 1m"
    )]
    TimeframeUnclear {
        /// Which file.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Neither in time order nor sorted by ticker.
    #[error("{name} is neither in time order nor sorted by ticker and then time: sort it by time first")]
    Unordered {
        /// Which file.
        name: String,
    },
    /// Daily bars of an exchange without a calendar.
    #[error("cannot lay the daily bars of {name} into sessions: {source}")]
    NoCalendar {
        /// Which file.
        name: String,
        /// What the calendar says.
        source: tickwire_market::SessionError,
    },
}

/// A row that was set aside. The rest of the file goes on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct RowError {
    /// Line in the file (decompressed), from 1.
    pub line: u64,
    /// Why.
    pub reason: RowRefusal,
}

/// Why a row was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowRefusal {
    /// Too few or too many columns.
    #[error("{found} columns where {expected} are expected")]
    ColumnCount {
        /// Columns found.
        found: usize,
        /// Columns expected.
        expected: usize,
    },
    /// The last line has no end and too few columns, or a value that cannot be read.
    #[error("the file ends in the middle of a line")]
    CutOff,
    /// A column that must tell is empty.
    #[error("{column} is missing")]
    Missing {
        /// Which column.
        column: Column,
    },
    /// A value that is not a finite number.
    #[error("{column} \"{found}\" is not a number")]
    NotANumber {
        /// Which column.
        column: Column,
        /// The text found.
        found: String,
    },
    /// A time that cannot be read.
    #[error("time \"{found}\" cannot be read: {reason}")]
    Time {
        /// The text found.
        found: String,
        /// Why not.
        reason: super::time::TimeRefusal,
    },
    /// The row is far from its neighbours in time.
    #[error("time {found} goes back from {last}")]
    TimeGoesBack {
        /// The row's time.
        found: tickwire_market::UnixNanos,
        /// The time of the rows before.
        last: tickwire_market::UnixNanos,
    },
    /// The row is ahead of the row after it, which fits the rows before.
    #[error("time {found} is ahead of the next row, {next}")]
    TimeAhead {
        /// The row's time.
        found: tickwire_market::UnixNanos,
        /// The time of the next row.
        next: tickwire_market::UnixNanos,
    },
    /// The exchange held no session on the day of a daily bar.
    #[error("{calendar} held no session on {day}")]
    NoSession {
        /// Which calendar.
        calendar: tickwire_market::Calendar,
        /// The day.
        day: jiff::civil::Date,
    },
    /// The calendar does not cover the day of a daily bar, or knows no such exchange.
    #[error("{0}")]
    Session(#[from] tickwire_market::SessionError),
    /// Prices of a bar that contradict each other.
    #[error("{0}")]
    Bar(#[from] tickwire_market::BarRefusal),
    /// A tick that cannot be true.
    #[error("{0}")]
    Tick(#[from] tickwire_market::TickRefusal),
    /// The ticker makes no instrument key.
    #[error("ticker \"{ticker}\": {reason}")]
    Ticker {
        /// The ticker as found.
        ticker: String,
        /// Why not.
        reason: String,
    },
    /// A row of another ticker than the instrument given.
    #[error(
        "ticker \"{found}\" where the file began with \"{first}\": --instrument names one instrument; \
        give --exchange instead"
    )]
    OtherTicker {
        /// The ticker as found.
        found: String,
        /// The ticker of the first row.
        first: String,
    },
    /// Longer than a line may be.
    #[error("the line is longer than {} bytes", super::lines::LINE_BYTES_MAX)]
    LineTooLong,
    /// Bytes that are not text.
    #[error("the line is not text")]
    NotText,
    /// The compressed file is cut off or damaged; nothing after it can be read.
    #[error("the compressed file is cut off or damaged here, the rest cannot be read: {message}")]
    Damaged {
        /// What the decompressor says.
        message: String,
    },
    /// Reading failed half-way; nothing after it can be read.
    #[error("reading failed here, the rest is lost: {message}")]
    Read {
        /// What the system says.
        message: String,
    },
}

/// Text of a file for a message: shortened, on one line.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 120;
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text
        .chars()
        .take(CHARACTERS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        short.push('…');
    }
    short
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

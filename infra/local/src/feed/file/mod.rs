//! Files of quotes, trades or bars, read as ticks in the order of time.
//!
//! A file is read as a stream, never whole, and so may be larger than the
//! memory. The exceptions are files that are not in the order of time: those
//! sorted by ticker and then time are merged from their parts, and those with
//! the newest row first are turned round; the latter, and the former when
//! compressed, are held in memory, up to 256 MB of text.
//!
//! What is not told is found out: packing by content (gzip, Parquet), delimiter, header,
//! columns, the shape of times, the length of bars. What cannot be found out
//! safely is an error that names the option to give. A row that cannot be true
//! is set aside with its line and reason, and the rest goes on.
//!
//! - Times without an offset are in the zone given, else UTC; of HistData's
//!   shape (no header, `YYYYMMDD HHMMSS[mmm]` first), New York without daylight
//!   saving, as HistData documents.
//! - A quote is told by its mid. A volume of 0 beside a quote is unknown.
//! - A bar becomes four ticks: open, then low and high in the order that makes
//!   the shorter path, then close; at its start, one third, two thirds, and a
//!   millisecond before its end. Its volume is spread over them exactly. Its
//!   time is its start; a bar of a day fills the exchange's session.
//! - Ticks come in the order of time over all instruments of the file. Of
//!   quotes and trades, up to a minute of disorder is kept as it is.

mod bar;
mod bars;
mod bytes;
mod column;
mod cursor;
mod error;
mod layout;
mod lines;
mod open;
mod parquet;
mod records;
mod row;
mod survey;
mod time;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use tickwire_market::{InstrumentKey, Quality, Tick, Timeframe, UnixNanos};

pub use bars::{BarFile, BarRow};
pub use bytes::Packing;
pub use column::Column;
pub use error::{FeedError, RowError, RowRefusal};
pub use layout::Kind;
pub use time::{DateOrder, TimeRefusal};

use bytes::Bytes;
use records::Records;
use row::{Form, Record, Ticks};

/// What the reader of a file is told; whatever is absent is found out.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// What each column holds, in order.
    pub columns: Option<Vec<Column>>,
    /// The one instrument of the file.
    pub instrument: Option<InstrumentKey>,
    /// The exchange of the tickers in the file.
    pub exchange: Option<String>,
    /// The exchange of each ticker, where neither option nor column tells.
    pub exchange_of: BTreeMap<String, String>,
    /// The zone of times that are written without an offset.
    pub time_zone: Option<TimeZone>,
    /// Whether `01/02/2020` begins with the day or the month.
    pub date_order: Option<DateOrder>,
    /// How long the bars are.
    pub timeframe: Option<Timeframe>,
    /// What the ticks are marked as.
    pub quality: Quality,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            columns: None,
            instrument: None,
            exchange: None,
            exchange_of: BTreeMap::new(),
            time_zone: None,
            date_order: None,
            timeframe: None,
            quality: Quality::Live,
        }
    }
}

/// A tick, and the line that it is from. The four ticks of a bar have the same
/// line. Receive time is exchange time; who replays may stamp it anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line in the file (decompressed), from 1.
    pub line: u64,
    /// The tick.
    pub tick: Tick,
}

/// In which order the rows of a file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As stored: they are in the order of time.
    AsStored,
    /// Merged from so many parts, each in the order of time.
    Merged {
        /// Parts.
        parts: usize,
    },
    /// Last to first, because the newest comes first.
    Reversed,
    /// Last to first, and merged from so many parts.
    ReversedAndMerged {
        /// Parts.
        parts: usize,
    },
}

/// What was found out about a file, for people. Prints over several lines.
#[derive(Clone, Debug)]
pub struct Description {
    /// The path or name.
    pub name: String,
    /// Bytes as stored.
    pub bytes: u64,
    /// How its text is stored.
    pub packing: Packing,
    /// SHA-256 of the bytes as stored, in hexadecimal.
    pub content_hash: String,
    /// What the rows are.
    pub kind: Kind,
    /// What divides the columns.
    pub delimiter: char,
    /// Name in the header, if there is one, and meaning of each column.
    pub columns: Vec<(Option<String>, Column)>,
    /// The zone of the times, and why.
    pub time_zone: String,
    /// How long the bars are, and why.
    pub timeframe: Option<String>,
    /// How long the bars are; a day, if they are those of sessions.
    pub bar_length: Option<Duration>,
    /// The order of reading.
    pub order: Order,
    /// The instruments known before reading: all of them, or, of a file with
    /// tickers, those of its first rows.
    pub instruments: Vec<InstrumentKey>,
}

/// A file's ticks in the order of time.
pub struct FileFeed {
    records: Records,
    /// The next row of all.
    upcoming: Option<Record>,
    /// Ticks of bars that wait for those of other bars before them.
    waiting: BinaryHeap<Reverse<Waiting>>,
    count: u64,
}

impl fmt::Debug for FileFeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FileFeed")
            .field("description", self.describe())
            .finish_non_exhaustive()
    }
}

impl FileFeed {
    /// Opens the file and finds out what it is. Reads it once for its hash,
    /// and once more if its rows have tickers.
    pub fn open(path: &Path, options: &FileOptions) -> Result<Self, FeedError> {
        Self::open_with_progress(path, options, &mut |_, _| ())
    }

    /// As [`open`](Self::open); `progress` is told how many bytes are hashed, and of how many.
    pub fn open_with_progress(
        path: &Path,
        options: &FileOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, FeedError> {
        let bytes = Bytes::open(path)?;
        Self::prepare(&path.display().to_string(), bytes, options, progress)
    }

    /// The same from bytes that are part of the program.
    pub fn from_static(name: &str, bytes: &'static [u8], options: &FileOptions) -> Result<Self, FeedError> {
        Self::prepare(name, Bytes::Static(bytes), options, &mut |_, _| ())
    }

    fn prepare(
        name: &str,
        bytes: Bytes,
        options: &FileOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, FeedError> {
        let mut records = Records::open(name, bytes, options, Form::Ticks, progress)?;
        let upcoming = records.next_record();
        Ok(Self {
            records,
            upcoming,
            waiting: BinaryHeap::new(),
            count: 0,
        })
    }

    /// What was found out about the file.
    pub fn describe(&self) -> &Description {
        &self.records.description
    }

    /// SHA-256 of the file as stored, in hexadecimal: its identity as a source.
    pub fn content_hash(&self) -> &str {
        &self.records.description.content_hash
    }

    /// The instruments met so far, sorted; after the last row, all of them.
    pub fn instruments(&self) -> Vec<InstrumentKey> {
        self.records.instruments()
    }
}

impl Iterator for FileFeed {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.records.take_error() {
                return Some(Err(error));
            }
            let next_time = self.upcoming.as_ref().map(|record| record.time);
            let is_due = |waiting: &Waiting| next_time.is_none_or(|next| waiting.tick.exchange_time <= next);
            if self.waiting.peek().is_some_and(|Reverse(first)| is_due(first)) {
                let Reverse(Waiting { line, tick, .. }) = self.waiting.pop()?;
                return Some(Ok(Row { line, tick }));
            }
            let record = self.upcoming.take()?;
            self.upcoming = self.records.next_record();
            match record.ticks {
                Ticks::One(tick) => {
                    return Some(Ok(Row {
                        line: record.line,
                        tick,
                    }));
                }
                // Read for those who compute on bars, not for this iterator.
                Ticks::Bar(..) => {}
                Ticks::Four(ticks) => {
                    for tick in *ticks {
                        self.count += 1;
                        self.waiting.push(Reverse(Waiting {
                            count: self.count,
                            line: record.line,
                            tick,
                        }));
                    }
                }
            }
        }
    }
}

/// A tick of a bar, ordered by time and then as read.
#[derive(Debug)]
struct Waiting {
    count: u64,
    line: u64,
    tick: Tick,
}

impl Waiting {
    fn place(&self) -> (UnixNanos, u64) {
        (self.tick.exchange_time, self.count)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl fmt::Display for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INSTRUMENTS_SHOWN_MAX: usize = 8;
        let kind = match self.kind {
            Kind::Quotes => "quotes, folded on the mid",
            Kind::Trades => "trades",
            Kind::Bars => "bars, four ticks each",
        };
        let packed = match self.packing {
            Packing::Plain => "",
            Packing::Gzip => ", gzip",
            Packing::Parquet => ", Parquet",
        };
        writeln!(
            formatter,
            "file        {} ({} bytes{packed})",
            self.name, self.bytes
        )?;
        writeln!(formatter, "identity    sha256:{}", self.content_hash)?;
        writeln!(formatter, "rows        {kind}")?;
        let columns = self.columns.iter().map(|(name, column)| match name {
            Some(name) if *column == Column::Ignore => format!("({name})"),
            Some(name) if *name != column.as_str() => format!("{name}={column}"),
            _ => column.to_string(),
        });
        let divided = match self.delimiter {
            '\t' => "tab".to_owned(),
            delimiter => format!("\"{delimiter}\""),
        };
        let header = if self.columns.iter().any(|(name, _)| name.is_some()) {
            "header"
        } else {
            "no header"
        };
        let columns = columns.collect::<Vec<_>>().join(" ");
        writeln!(
            formatter,
            "columns     {columns} (divided by {divided}, {header})"
        )?;
        writeln!(formatter, "time zone   {}", self.time_zone)?;
        if let Some(timeframe) = &self.timeframe {
            writeln!(formatter, "timeframe   {timeframe}")?;
        }
        let order = match self.order {
            Order::AsStored => "as stored".to_owned(),
            Order::Merged { parts } => format!("merged by time from {parts} parts"),
            Order::Reversed => "last row first, since the newest comes first".to_owned(),
            Order::ReversedAndMerged { parts } => {
                format!("last row first, merged by time from {parts} parts")
            }
        };
        writeln!(formatter, "order       {order}")?;
        let shown = self
            .instruments
            .iter()
            .take(INSTRUMENTS_SHOWN_MAX)
            .map(InstrumentKey::to_string);
        let more = match self.instruments.len().saturating_sub(INSTRUMENTS_SHOWN_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        write!(
            formatter,
            "instruments {}{more}",
            shown.collect::<Vec<_>>().join(" ")
        )
    }
}

#[cfg(test)]
mod tests;

//! Files of bars, read as bars.

use std::path::Path;

use tickwire_market::{Bar, InstrumentKey, Timeframe};

use super::bytes::Bytes;
use super::error::{FeedError, RowError};
use super::records::Records;
use super::row::{Form, Ticks};
use super::{Description, FileOptions};

/// A bar, and the line that it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRow {
    /// Line in the file (decompressed), from 1.
    pub line: u64,
    /// Of which instrument, where option or row tells.
    pub instrument: Option<InstrumentKey>,
    /// The bar.
    pub bar: Bar,
}

/// A file's bars in the order of time.
///
/// Unlike a feed of ticks it need not know an instrument: bars of a day then span a day of
/// the clock. Lengths that are no timeframe (a week, 30 seconds) are taken too.
pub struct BarFile {
    records: Records,
}

impl BarFile {
    /// Opens a file, or standard input (`-`, read whole), and finds out what it is.
    ///
    /// # Errors
    /// When it cannot be read, or holds no bars.
    pub fn open(path: &Path, options: &FileOptions) -> Result<Self, FeedError> {
        let name = path.display().to_string();
        let bytes = match name.as_str() {
            "-" => Bytes::standard_input()?,
            _ => Bytes::open(path)?,
        };
        let records = Records::open(&name, bytes, options, Form::Bars, &mut |_, _| ())?;
        Ok(Self { records })
    }

    /// What was found out about the file.
    pub fn describe(&self) -> &Description {
        &self.records.description
    }

    /// The instruments met so far, sorted.
    pub fn instruments(&self) -> Vec<InstrumentKey> {
        self.records.instruments()
    }

    /// How long the bars are; `None` where that is no timeframe.
    pub fn timeframe(&self) -> Option<Timeframe> {
        self.records.reader().bar_length().timeframe()
    }

    /// Bytes of text read so far; those of a compressed file are more than it has.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }
}

impl Iterator for BarFile {
    type Item = Result<BarRow, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.records.take_error() {
                return Some(Err(error));
            }
            let record = match self.records.next_record() {
                Some(record) => record,
                None => return self.records.take_error().map(Err),
            };
            if let Ticks::Bar(instrument, bar) = record.ticks {
                let line = record.line;
                return Some(Ok(BarRow {
                    line,
                    instrument,
                    bar,
                }));
            }
        }
    }
}

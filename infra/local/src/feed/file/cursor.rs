//! Reads a stretch of a file row by row, and sets aside rows that are out of order.

use std::io::{self, BufRead};

use tickwire_market::UnixNanos;

use super::error::{RowError, RowRefusal, excerpt};
use super::lines::{Fields, Found, Lines, is_blank};
use super::row::{Record, RowReader};

/// A row may be this much before the row before it; feeds are not perfectly in
/// order. One further back is set aside.
pub(super) const BACK_SECONDS_MAX: i64 = 60;

/// Numbers of lines that are read last to first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbering {
    /// 1, 2, 3, …
    Ascending,
    /// So many lines, read last to first.
    Descending(u64),
}

impl Numbering {
    /// The number in the file of the line that is the `nth` read, from 1.
    pub(super) fn line(self, nth: u64) -> u64 {
        match self {
            Self::Ascending => nth,
            Self::Descending(lines) => (lines + 1).saturating_sub(nth),
        }
    }
}

/// Whether `time` is before `last` by more than is tolerated.
pub(super) fn is_back(time: UnixNanos, last: UnixNanos) -> bool {
    last.nanos_since(time) > BACK_SECONDS_MAX * UnixNanos::PER_SECOND
}

/// A reader of a stretch of a file.
pub(super) struct Cursor {
    lines: Lines<Box<dyn BufRead + Send>>,
    fields: Fields,
    numbering: Numbering,
    lines_before: u64,
    /// Read, but not given: the row after it decides whether it is ahead of all others.
    held: Option<Record>,
    /// The time of the last row given.
    last: Option<UnixNanos>,
    ended: bool,
}

impl Cursor {
    /// Rows of `lines`, after skipping the first `lines_before`.
    pub(super) fn new(
        lines: Lines<Box<dyn BufRead + Send>>,
        delimiter: u8,
        numbering: Numbering,
        lines_before: u64,
    ) -> Self {
        Self {
            lines,
            fields: Fields::new(delimiter),
            numbering,
            lines_before,
            held: None,
            last: None,
            ended: false,
        }
    }

    /// Bytes of text read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.lines.start()
    }

    /// The next row in order, or the reason why one was set aside.
    pub(super) fn next(&mut self, reader: &mut RowReader) -> Option<Result<Record, RowError>> {
        while !self.ended {
            let record = match self.read(reader) {
                Some(Ok(record)) => record,
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            };
            let Some(held) = self.held.take() else {
                match self.last {
                    Some(last) if is_back(record.time, last) => return Some(Err(goes_back(&record, last))),
                    _ => self.held = Some(record),
                }
                continue;
            };
            if !is_back(record.time, held.time) {
                self.held = Some(record);
                return Some(Ok(self.give(held)));
            }
            // One of the two is out of order: this row, if it is also behind
            // the rows given, else the row held, which is ahead.
            if self.last.is_some_and(|last| is_back(record.time, last)) {
                let error = goes_back(&record, held.time);
                self.held = Some(held);
                return Some(Err(error));
            }
            let reason = RowRefusal::TimeAhead {
                found: held.time,
                next: record.time,
            };
            self.held = Some(record);
            return Some(Err(RowError {
                line: held.line,
                reason,
            }));
        }
        self.ended = true;
        let held = self.held.take()?;
        Some(Ok(self.give(held)))
    }

    fn give(&mut self, record: Record) -> Record {
        self.last = Some(self.last.map_or(record.time, |last| last.max(record.time)));
        record
    }

    fn read(&mut self, reader: &mut RowReader) -> Option<Result<Record, RowError>> {
        loop {
            let found = self.lines.advance();
            let line = self.numbering.line(self.lines.number());
            let refuse = |reason| Some(Err(RowError { line, reason }));
            match found {
                Ok(Found::Line) => (),
                Ok(Found::TooLong) => return refuse(RowRefusal::LineTooLong),
                Ok(Found::End) => return None,
                Err(error) => {
                    self.ended = true;
                    let line = self.numbering.line(self.lines.number() + 1);
                    return Some(Err(RowError {
                        line,
                        reason: unreadable(&error),
                    }));
                }
            }
            let bytes = self.lines.line();
            if self.lines.number() <= self.lines_before || is_blank(bytes) {
                continue;
            }
            if bytes.contains(&0) {
                return refuse(RowRefusal::NotText);
            }
            let last = self.held.as_ref().map(|held| held.time).or(self.last);
            let reason = match reader.read(line, self.fields.split(bytes), last) {
                Ok(record) => return Some(Ok(record)),
                Err(reason) => reason,
            };
            let could_be_cut = matches!(
                reason,
                RowRefusal::ColumnCount { .. }
                    | RowRefusal::NotANumber { .. }
                    | RowRefusal::Missing { .. }
                    | RowRefusal::Time { .. }
            );
            return refuse(if could_be_cut && !self.lines.is_ended() {
                RowRefusal::CutOff
            } else {
                reason
            });
        }
    }
}

fn goes_back(record: &Record, last: UnixNanos) -> RowError {
    RowError {
        line: record.line,
        reason: RowRefusal::TimeGoesBack {
            found: record.time,
            last,
        },
    }
}

fn unreadable(error: &io::Error) -> RowRefusal {
    let message = excerpt(error.to_string().as_bytes());
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            RowRefusal::Damaged { message }
        }
        _ => RowRefusal::Read { message },
    }
}

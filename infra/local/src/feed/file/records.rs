//! The rows of a file in the order of time, over all its parts.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tickwire_market::{InstrumentKey, UnixNanos};

use super::bytes::Bytes;
use super::cursor::Cursor;
use super::error::{FeedError, RowError};
use super::open;
use super::row::{Form, Record, RowReader};
use super::{Description, FileOptions};

/// The rows of a file, merged from its parts.
pub(super) struct Records {
    reader: RowReader,
    cursors: Vec<Cursor>,
    /// The next row of each cursor, when there are several.
    heads: Vec<Option<Record>>,
    /// Those rows by time.
    order: BinaryHeap<Reverse<(UnixNanos, usize)>>,
    errors: VecDeque<RowError>,
    pub(super) description: Description,
}

impl Records {
    pub(super) fn open(
        name: &str,
        bytes: Bytes,
        options: &FileOptions,
        form: Form,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, FeedError> {
        let opened = open::open(name, bytes, options, form, progress)?;
        let mut records = Self {
            reader: opened.reader,
            heads: opened.cursors.iter().map(|_| None).collect(),
            cursors: opened.cursors,
            order: BinaryHeap::new(),
            errors: opened.errors.into(),
            description: opened.description,
        };
        for at in 0..records.cursors.len() {
            records.refill(at);
        }
        Ok(records)
    }

    /// The instruments met so far, sorted.
    pub(super) fn instruments(&self) -> Vec<InstrumentKey> {
        self.reader.instruments()
    }

    pub(super) fn reader(&self) -> &RowReader {
        &self.reader
    }

    /// A row that was set aside since the last record.
    pub(super) fn take_error(&mut self) -> Option<RowError> {
        self.errors.pop_front()
    }

    /// Bytes of text read of all parts.
    pub(super) fn bytes_read(&self) -> u64 {
        self.cursors.iter().map(Cursor::bytes_read).sum()
    }

    /// The next row.
    pub(super) fn next_record(&mut self) -> Option<Record> {
        let Reverse((_, at)) = self.order.pop()?;
        let record = self.heads.get_mut(at)?.take();
        self.refill(at);
        record
    }

    /// Reads the next row of the cursor at `at`.
    fn refill(&mut self, at: usize) {
        let Some(cursor) = self.cursors.get_mut(at) else {
            return;
        };
        loop {
            match cursor.next(&mut self.reader) {
                Some(Ok(record)) => {
                    self.order.push(Reverse((record.time, at)));
                    if let Some(head) = self.heads.get_mut(at) {
                        *head = Some(record);
                    }
                    return;
                }
                Some(Err(error)) => self.errors.push_back(error),
                None => return,
            }
        }
    }
}

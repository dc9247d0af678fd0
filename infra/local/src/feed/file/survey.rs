//! What has to be known of a file before its first row is given: whether its
//! rows are in the order of time, how long its bars are, which part of a date
//! comes first.

use std::io::BufRead;

use rustc_hash::FxHashMap;
use tickwire_market::UnixNanos;

use super::bar::{BarLength, DAY_NANOS};
use super::cursor::is_back;
use super::lines::{Fields, Found, Lines, is_blank, without_end};
use super::row::RowReader;
use super::time::{self, DateOrder, Moment};

/// The most parts, each in the order of time, that a file is merged from.
const PARTS_MAX: usize = 16_384;

/// One row ahead of those around it by more than this is in error, not the last of its part.
const LEAP_NANOS: i64 = 7 * DAY_NANOS;

/// A stretch of rows in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Offset of its first byte in the text.
    pub(super) start: u64,
    /// Lines of the text before it.
    pub(super) lines_before: u64,
}

/// Finds the parts of a file with tickers that are each in the order of time:
/// a new one begins where the ticker changes and the time goes back. `None` if
/// there are too many. The first `lines_skipped` lines are no rows.
pub(super) fn parts(
    mut lines: Lines<Box<dyn BufRead + Send>>,
    lines_skipped: u64,
    reader: &mut RowReader,
) -> Option<Vec<Part>> {
    let mut fields = Fields::new(reader.layout().delimiter);
    let mut ticker = Vec::new();
    // The time of the last row, and of the one before, of this part.
    let (mut last, mut last_but_one): (Option<UnixNanos>, Option<UnixNanos>) = (None, None);
    let mut parts = Vec::new();
    // What cannot be read is reported when the rows are given.
    while let Ok(found) = lines.advance() {
        match found {
            Found::End => break,
            Found::TooLong => continue,
            Found::Line => (),
        }
        if parts.is_empty() {
            parts.push(Part {
                start: lines.start(),
                lines_before: lines.number() - 1,
            });
        }
        if lines.number() <= lines_skipped || is_blank(lines.line()) {
            continue;
        }
        let row = fields.split(lines.line());
        let (Ok((time, _)), Some(found)) = (reader.time(row, last), reader.ticker(row)) else {
            continue;
        };
        // Learns the instruments; a ticker that makes no key is reported later.
        let _ = reader.instrument(row);
        let is_new = ticker != found;
        if is_new {
            ticker.clear();
            ticker.extend_from_slice(found);
        }
        let leapt = |before: UnixNanos| last.is_some_and(|last| last.nanos_since(before) > LEAP_NANOS);
        if !last.is_some_and(|last| is_back(time, last)) {
            (last_but_one, last) = (last, Some(time));
        } else if last_but_one.is_some_and(|before| !is_back(time, before) && leapt(before)) {
            // The row before was ahead of all others.
            last = Some(time);
        } else if is_new {
            parts.push(Part {
                start: lines.start(),
                lines_before: lines.number() - 1,
            });
            (last_but_one, last) = (None, Some(time));
        }
        if parts.len() > PARTS_MAX {
            return None;
        }
    }
    Some(parts)
}

/// Which of day and month comes first, by the first row that tells.
pub(super) fn date_order(mut lines: Lines<Box<dyn BufRead + Send>>, reader: &RowReader) -> Option<DateOrder> {
    let mut fields = Fields::new(reader.layout().delimiter);
    while let Ok(Found::Line | Found::TooLong) = lines.advance() {
        let row = fields.split(lines.line());
        let is_row =
            lines.number() > reader.layout().lines_before as u64 && row.len() >= reader.layout().width;
        if is_row && let Some(order) = time::order_of(reader.date_text(row)) {
            return Some(order);
        }
    }
    None
}

/// What the first rows say about times.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Time since the row before of the same ticker, and how often.
    steps: FxHashMap<i64, usize>,
    /// Whether every row tells a day alone.
    pub(super) days_alone: bool,
    /// Whether every row has the same time of day.
    same_time_of_day: bool,
    /// Whether a row's time is an epoch or has an offset.
    pub(super) tells_offset: bool,
    rows: usize,
}

/// Looks at the times of the rows in `text`.
pub(super) fn sample(text: &[u8], reader: &RowReader) -> Sample {
    let mut sample = Sample {
        days_alone: true,
        same_time_of_day: true,
        ..Sample::default()
    };
    let mut fields = Fields::new(reader.layout().delimiter);
    let mut last_of: FxHashMap<Vec<u8>, UnixNanos> = FxHashMap::default();
    let mut time_of_day = None;
    for line in text
        .split(|byte| *byte == b'\n')
        .skip(reader.layout().lines_before)
    {
        let line = without_end(line);
        let row = fields.split(line);
        if is_blank(line) || row.len() < reader.layout().width {
            continue;
        }
        let (Ok(moment), Ok((time, _))) = (reader.moment(row), reader.time(row, None)) else {
            continue;
        };
        sample.rows += 1;
        let (local, alone, tells_offset) = match moment {
            Moment::Civil { time, offset, .. } => {
                (time.unwrap_or_default(), time.is_none(), offset.is_some())
            }
            Moment::TimeOfDay(time) => (time, false, false),
            Moment::Instant(_) => (reader.zone().to_datetime(time.into()).time(), false, true),
        };
        sample.days_alone &= alone;
        sample.same_time_of_day &= *time_of_day.get_or_insert(local) == local;
        sample.tells_offset |= tells_offset;
        let ticker = reader.ticker(row).unwrap_or_default();
        if let Some(last) = last_of.get_mut(ticker) {
            let step = time.nanos_since(*last);
            *last = time;
            if step != 0 {
                *sample.steps.entry(step).or_default() += 1;
            }
        } else {
            last_of.insert(ticker.to_vec(), time);
        }
    }
    sample
}

impl Sample {
    /// Whether the newest row comes first.
    pub(super) fn is_newest_first(&self) -> bool {
        let count = |wanted: fn(i64) -> bool| -> usize {
            self.steps
                .iter()
                .filter(|(step, _)| wanted(**step))
                .map(|(_, count)| count)
                .sum()
        };
        count(|step| step < 0) > count(|step| step > 0)
    }

    /// The commonest time between rows; of those that are equally common, the shortest.
    fn step(&self) -> Option<i64> {
        let commonest = self
            .steps
            .iter()
            .max_by_key(|(step, count)| (**count, -step.abs()));
        commonest.map(|(step, _)| step.abs())
    }

    /// How far the rows are apart, whatever that is; a single row is a minute.
    pub(super) fn spacing(&self) -> BarLength {
        BarLength::Nanos(self.step().unwrap_or(UnixNanos::PER_MINUTE))
    }

    /// How long the bars are, or why it is not clear.
    pub(super) fn bar_length(&self) -> Result<BarLength, String> {
        let Some(step) = self.step() else {
            return match self.days_alone && self.rows > 0 {
                true => Ok(BarLength::Session),
                false => Err("no two of its first rows differ in time".to_owned()),
            };
        };
        if step > 25 * DAY_NANOS / 24 {
            let days = step / DAY_NANOS;
            return Err(format!(
                "its rows are {days} days apart, and bars longer than a day are not read"
            ));
        }
        let is_daily = self.same_time_of_day && step >= 23 * DAY_NANOS / 24;
        Ok(if self.days_alone || is_daily {
            BarLength::Session
        } else {
            BarLength::Nanos(step)
        })
    }
}

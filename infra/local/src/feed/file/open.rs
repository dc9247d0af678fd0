//! Finds out what a file is, and prepares to read it.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::{TimeZone, offset};
use tickwire_market::{Calendar, InstrumentKey, Timeframe, UnixNanos};

use super::bar::BarLength;
use super::bytes::{Bytes, MEMORY_BYTES_MAX, Packing};
use super::column::Column;
use super::cursor::{Cursor, Numbering};
use super::error::{FeedError, RowError, RowRefusal, excerpt};
use super::layout::{Kind, Layout};
use super::lines::{Fields, Lines, Row, is_blank, without_end};
use super::parquet::ParquetText;
use super::row::{Form, RowReader};
use super::survey;
use super::time::{self, TimeRefusal};
use super::{Description, FileOptions, Order};

/// Bytes of text that are looked at to find out what a file is.
const SNIFFED_BYTES: u64 = 256 * 1024;
/// Of text, at most one byte in so many is a control character.
const CONTROL_BYTES_SHARE: usize = 50;
/// What some editors put before text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file ready to be read.
pub(super) struct Opened {
    pub(super) reader: RowReader,
    pub(super) cursors: Vec<Cursor>,
    /// What could not be read on the way.
    pub(super) errors: Vec<RowError>,
    pub(super) description: Description,
}

/// The text of a file, as it will be read.
struct Text {
    bytes: Bytes,
    packing: Packing,
    numbering: Numbering,
    /// Bytes before the first line.
    mark_bytes: u64,
    lines_before: u64,
}

impl Text {
    fn lines(&self) -> io::Result<Lines<Box<dyn BufRead + Send>>> {
        let mut text = self.bytes.text(self.packing)?;
        let skipped = io::copy(&mut text.by_ref().take(self.mark_bytes), &mut io::sink())?;
        Ok(Lines::new(text, 0, skipped))
    }
}

pub(super) fn open(
    name: &str,
    bytes: Bytes,
    options: &FileOptions,
    form: Form,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Opened, FeedError> {
    let failed = |source| FeedError::Read {
        path: name.into(),
        source,
    };
    // Of a file of which no ticks are made, no source is made either.
    let content_hash = match form {
        Form::Ticks => bytes.content_hash(progress).map_err(failed)?,
        Form::Bars => String::new(),
    };
    let packing = bytes.packing().map_err(failed)?;
    if packing == Packing::Parquet {
        ParquetText::open(&bytes).map_err(|reason| FeedError::Parquet {
            name: name.to_owned(),
            reason: excerpt(reason.as_bytes()),
        })?;
    }
    let sniffed = sniff(name, &bytes, packing)?;
    if let Some((found, remedy)) = not_text(&sniffed) {
        return Err(FeedError::NotText {
            name: name.to_owned(),
            found,
            remedy,
        });
    }
    let (mark_bytes, sniffed) = match sniffed.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (BYTE_ORDER_MARK.len() as u64, rest),
        None => (0, sniffed.as_slice()),
    };
    let layout = Layout::detect(name, sniffed, options.columns.as_deref())?;
    let (zone, zone_reason) = match &options.time_zone {
        Some(zone) => (zone.clone(), "given"),
        None if layout.histdata => (
            TimeZone::fixed(offset(-5)),
            "HistData's shape: New York without daylight saving",
        ),
        None => (TimeZone::UTC, "default"),
    };
    let lines_before = layout.lines_before as u64;
    let mut text = Text {
        bytes,
        packing,
        numbering: Numbering::Ascending,
        mark_bytes,
        lines_before,
    };
    let mut reader = RowReader::new(layout, zone, options.date_order, options, form);
    check_times(name, sniffed, &text, &mut reader)?;
    if form == Form::Bars && reader.layout().kind != Kind::Bars {
        return Err(FeedError::NoBars {
            name: name.to_owned(),
        });
    }
    if !reader.may_be_nameless() {
        check_instrument(name, sniffed, options, &mut reader)?;
    }
    let sample = survey::sample(sniffed, &reader);
    let timeframe = match reader.layout().kind {
        Kind::Bars => Some(settle_bar_length(name, &sample, options, form, &mut reader)?),
        Kind::Quotes | Kind::Trades => None,
    };

    let mut description = describe(name, &text, content_hash, &reader);
    description.time_zone = match (sample.tells_offset, sample.days_alone && timeframe.is_some()) {
        (true, _) => "told by each row".to_owned(),
        (_, true) => "the exchange's, since rows tell days alone".to_owned(),
        _ => format!("{} ({zone_reason})", zone_name(reader.zone())),
    };
    (description.timeframe, description.bar_length) = timeframe.unzip();
    let mut errors = Vec::new();
    if sample.is_newest_first() {
        text = reversed(name, &text, &mut errors)?;
        description.order = Order::Reversed;
    }
    let by_ticker = options.instrument.is_none() && !reader.may_be_nameless();
    let parts =
        match by_ticker {
            true => survey::parts(text.lines().map_err(failed)?, text.lines_before, &mut reader).ok_or_else(
                || FeedError::Unordered {
                    name: name.to_owned(),
                },
            )?,
            false => Vec::new(),
        };
    description.instruments = reader.instruments();
    let delimiter = reader.layout().delimiter;
    let cursor = |lines| Cursor::new(lines, delimiter, text.numbering, text.lines_before);
    if parts.len() < 2 {
        let cursors = vec![cursor(text.lines().map_err(failed)?)];
        return Ok(Opened {
            reader,
            cursors,
            errors,
            description,
        });
    }
    let parts_count = parts.len();
    description.order = match description.order {
        Order::Reversed => Order::ReversedAndMerged { parts: parts_count },
        _ => Order::Merged { parts: parts_count },
    };
    let bytes = match text.packing {
        Packing::Gzip | Packing::Parquet => {
            let remedy = "decompress it (gunzip), or sort it by time first";
            Bytes::Memory(in_memory(name, &text, remedy, &mut errors)?.into())
        }
        Packing::Plain => text.bytes.clone(),
    };
    let ends = parts.iter().skip(1).map(|part| part.start).chain([bytes.len()]);
    let cursors = parts.iter().zip(ends).map(|(part, end)| {
        cursor(Lines::new(
            bytes.stretch(part.start, end),
            part.lines_before,
            part.start,
        ))
    });
    let cursors = cursors.collect();
    Ok(Opened {
        reader,
        cursors,
        errors,
        description,
    })
}

/// The first lines of the text, whole ones unless there is but one.
fn sniff(name: &str, bytes: &Bytes, packing: Packing) -> Result<Vec<u8>, FeedError> {
    let mut sniffed = Vec::new();
    let read = bytes
        .text(packing)
        .and_then(|text| text.take(SNIFFED_BYTES).read_to_end(&mut sniffed));
    if sniffed.is_empty() {
        return Err(match read {
            Err(source) if packing != Packing::Plain => FeedError::Damaged {
                name: name.to_owned(),
                source,
            },
            Err(source) => FeedError::Read {
                path: name.into(),
                source,
            },
            Ok(_) => FeedError::Empty {
                name: name.to_owned(),
            },
        });
    }
    // What cannot be read further on is reported where the rows end.
    if (read.is_err() || sniffed.len() as u64 == SNIFFED_BYTES)
        && let Some(end) = sniffed.iter().rposition(|byte| *byte == b'\n')
    {
        sniffed.truncate(end + 1);
    }
    Ok(sniffed)
}

/// What a file is that is not text, and what to do.
fn not_text(sniffed: &[u8]) -> Option<(&'static str, &'static str)> {
    const UNPACK: &str = "unpack it first";
    const CONVERT: &str = "convert it to CSV first";
    const KINDS: [(&[u8], &str, &str); 15] = [
        (
            b"PK\x03\x04",
            "a zip archive or a workbook",
            "unzip it first, or save the workbook as CSV",
        ),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
        (b"BZh", "compressed with bzip2", UNPACK),
        (b"\xfd7zXZ", "compressed with xz", UNPACK),
        (b"7z\xbc\xaf", "a 7-Zip archive", UNPACK),
        (b"Rar!", "a RAR archive", UNPACK),
        (b"\x1f\x8b", "compressed twice", "decompress it once (gunzip)"),
        (b"ARROW1", "Arrow", CONVERT),
        (b"\x89HDF", "HDF5", CONVERT),
        (b"SQLite format 3", "an SQLite database", CONVERT),
        (b"\xd0\xcf\x11\xe0", "an old workbook", "save it as CSV first"),
        (b"%PDF", "a PDF", CONVERT),
        (
            b"\xff\xfe",
            "UTF-16 text",
            "convert it first: iconv -f UTF-16 -t UTF-8",
        ),
        (
            b"\xfe\xff",
            "UTF-16 text",
            "convert it first: iconv -f UTF-16 -t UTF-8",
        ),
        (b"{", "JSON", CONVERT),
    ];
    let known = KINDS.iter().find(|(magic, ..)| sniffed.starts_with(magic));
    if let Some((_, found, remedy)) = known {
        return Some((found, remedy));
    }
    let start = sniffed
        .trim_ascii_start()
        .get(..5)
        .unwrap_or_default()
        .to_ascii_lowercase();
    if start == b"<html" || start == b"<!doc" || start == b"<?xml" {
        return Some(("a web page or XML", "check that it was downloaded right"));
    }
    let zeros = |from: usize| {
        sniffed
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    if zeros(0).max(zeros(1)) * 3 > sniffed.len() && zeros(0).min(zeros(1)) * 20 < sniffed.len() {
        return Some(("UTF-16 text", "convert it first: iconv -f UTF-16 -t UTF-8"));
    }
    let is_control = |byte: &&u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
    let controls = sniffed.iter().filter(is_control).count();
    (controls * CONTROL_BYTES_SHARE > sniffed.len())
        .then_some(("binary data", "give a text file of quotes, trades or bars"))
}

/// Runs over the rows that were looked at until `check` has an answer.
fn first_row<T>(
    sniffed: &[u8],
    reader: &mut RowReader,
    mut check: impl FnMut(&mut RowReader, Row<'_>) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::new(reader.layout().delimiter);
    let (lines_before, width) = (reader.layout().lines_before, reader.layout().width);
    for line in sniffed.split(|byte| *byte == b'\n').skip(lines_before) {
        let row = fields.split(without_end(line));
        if !is_blank(line)
            && row.len() >= width
            && let Some(found) = check(reader, row)
        {
            return Some(found);
        }
    }
    None
}

/// Fails if no time can be read; finds out the order of day and month if it is not clear.
fn check_times(name: &str, sniffed: &[u8], text: &Text, reader: &mut RowReader) -> Result<(), FeedError> {
    let mut first: Option<(String, TimeRefusal)> = None;
    let unclear = first_row(sniffed, reader, |reader, row| match reader.time(row, None) {
        Ok(_) => Some(None),
        Err(TimeRefusal::DateOrderUnclear) => Some(Some(reader.time_text(row))),
        Err(reason) => {
            first.get_or_insert_with(|| (reader.time_text(row), reason));
            None
        }
    });
    match (unclear, first) {
        (Some(None), _) => {
            // The first row that tells decides for the rows that do not.
            let told = first_row(sniffed, reader, |reader, row| {
                time::order_of(reader.date_text(row))
            });
            match told {
                Some(order) if reader.has_no_date_order() => reader.set_date_order(order),
                _ => (),
            }
            Ok(())
        }
        (Some(Some(example)), _) => settle_date_order(name, text, reader, &example),
        (None, Some((found, reason))) => Err(FeedError::TimeUnreadable {
            name: name.to_owned(),
            found,
            reason: reason.to_string(),
        }),
        (None, None) => Err(FeedError::Empty {
            name: name.to_owned(),
        }),
    }
}

fn settle_date_order(
    name: &str,
    text: &Text,
    reader: &mut RowReader,
    example: &str,
) -> Result<(), FeedError> {
    let lines = text.lines().map_err(|source| FeedError::Read {
        path: name.into(),
        source,
    })?;
    let unclear = || FeedError::DateOrderUnclear {
        name: name.to_owned(),
        example: example.to_owned(),
    };
    let order = survey::date_order(lines, reader).ok_or_else(unclear)?;
    reader.set_date_order(order);
    Ok(())
}

/// Fails if nothing says of which instrument the rows are.
fn check_instrument(
    name: &str,
    sniffed: &[u8],
    options: &FileOptions,
    reader: &mut RowReader,
) -> Result<(), FeedError> {
    if options.instrument.is_some() {
        return Ok(());
    }
    if reader.layout().place(Column::Ticker).is_none() {
        return Err(FeedError::NoInstrument {
            name: name.to_owned(),
        });
    }
    if options.exchange.is_some() || reader.layout().place(Column::Exchange).is_some() {
        return Ok(());
    }
    let unknown = first_row(sniffed, reader, |reader, row| {
        let ticker = String::from_utf8_lossy(reader.ticker(row)?).to_uppercase();
        Some((!ticker.contains('@') && !options.exchange_of.contains_key(&ticker)).then_some(ticker))
    });
    match unknown.flatten() {
        Some(ticker) => Err(FeedError::NoExchange {
            name: name.to_owned(),
            ticker: excerpt(ticker.as_bytes()),
        }),
        None => Ok(()),
    }
}

/// Sets how long the bars are, and says it for people.
fn settle_bar_length(
    name: &str,
    sample: &survey::Sample,
    options: &FileOptions,
    form: Form,
    reader: &mut RowReader,
) -> Result<(String, Duration), FeedError> {
    let unclear = |reason| FeedError::TimeframeUnclear {
        name: name.to_owned(),
        reason,
    };
    let (length, reason) = match options.timeframe {
        Some(Timeframe::DAY) => (BarLength::Session, "given"),
        Some(timeframe) => {
            let minutes = timeframe
                .as_minutes()
                .ok_or_else(|| unclear("tick is not a length".to_owned()))?;
            (
                BarLength::Nanos(i64::from(minutes) * UnixNanos::PER_MINUTE),
                "given",
            )
        }
        None => {
            let length = match (sample.bar_length(), form) {
                // Lengths matter less to who computes bar by bar.
                (Err(_), Form::Bars) => sample.spacing(),
                (length, _) => length.map_err(unclear)?,
            };
            (length, "by the spacing of its first rows")
        }
    };
    reader.set_bar_length(length);
    let text = match length {
        BarLength::Session => {
            if let Some(instrument) = &options.instrument {
                Calendar::of(instrument).map_err(|source| FeedError::NoCalendar {
                    name: name.to_owned(),
                    source,
                })?;
            }
            "1d, laid into the exchange's sessions".to_owned()
        }
        BarLength::Nanos(nanos) if nanos % UnixNanos::PER_MINUTE == 0 => length.timeframe().map_or_else(
            || format!("{} minutes", nanos / UnixNanos::PER_MINUTE),
            |timeframe| timeframe.to_string(),
        ),
        BarLength::Nanos(_) => format!("{:?}", length.duration()),
    };
    Ok((format!("{text} ({reason})"), length.duration()))
}

/// The decompressed text in memory. Of a damaged file, what can be read, and
/// the damage goes to `errors`.
fn in_memory(
    name: &str,
    text: &Text,
    remedy: &'static str,
    errors: &mut Vec<RowError>,
) -> Result<Vec<u8>, FeedError> {
    let mut whole = Vec::new();
    let read = text
        .bytes
        .text(text.packing)
        .and_then(|text| text.take(MEMORY_BYTES_MAX + 1).read_to_end(&mut whole));
    if whole.len() as u64 > MEMORY_BYTES_MAX {
        return Err(FeedError::TooLargeToOrder {
            name: name.to_owned(),
            remedy,
        });
    }
    if let Err(error) = read {
        let line = whole.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let message = excerpt(error.to_string().as_bytes());
        errors.push(RowError {
            line,
            reason: RowRefusal::Damaged { message },
        });
    }
    Ok(whole)
}

/// The same rows last to first.
fn reversed(name: &str, text: &Text, errors: &mut Vec<RowError>) -> Result<Text, FeedError> {
    let whole = in_memory(
        name,
        text,
        "turn its rows round first (tac), or sort it by time",
        errors,
    )?;
    let mark_bytes = usize::try_from(text.mark_bytes).unwrap_or_default();
    let lines = whole.get(mark_bytes..).unwrap_or_default();
    let lines: Vec<&[u8]> = lines
        .strip_suffix(b"\n")
        .unwrap_or(lines)
        .split(|byte| *byte == b'\n')
        .collect();
    let count = lines.len() as u64;
    let skipped = usize::try_from(text.lines_before).unwrap_or_default();
    let mut turned = Vec::with_capacity(whole.len() + 1);
    for line in lines.iter().skip(skipped).rev() {
        turned.extend_from_slice(line);
        turned.push(b'\n');
    }
    let turned: Arc<[u8]> = turned.into();
    Ok(Text {
        bytes: Bytes::Memory(turned),
        packing: Packing::Plain,
        numbering: Numbering::Descending(count),
        mark_bytes: 0,
        lines_before: 0,
    })
}

fn zone_name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zone
            .to_fixed_offset()
            .map_or_else(|_| "local rules".to_owned(), |offset| offset.to_string()),
    }
}

fn describe(name: &str, text: &Text, content_hash: String, reader: &RowReader) -> Description {
    let layout = reader.layout();
    let named = |at: usize| layout.header.as_ref().and_then(|header| header.get(at)).cloned();
    let columns = layout
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| (named(at), *column))
        .collect();
    Description {
        name: name.to_owned(),
        bytes: text.bytes.len(),
        packing: text.packing,
        content_hash,
        kind: layout.kind,
        delimiter: char::from(layout.delimiter),
        columns,
        time_zone: String::new(),
        timeframe: None,
        bar_length: None,
        order: Order::AsStored,
        instruments: Vec::<InstrumentKey>::new(),
    }
}

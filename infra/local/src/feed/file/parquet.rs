//! Parquet, read as the text of a CSV file, so that all that is known of columns, times and
//! rows of text holds for it too.
//!
//! Numbers have the digits that read back the same. A null and a NaN are empty cells. Times
//! that are marked as UTC end with Z, others are written without an offset.

use std::io::{self, Read, Write};

use jiff::civil::date;
use parquet::basic::{Compression, ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::bytes::{Bytes, Part};
use crate::report::UtcText;

/// Rows that are made text at a time.
const BATCH_ROWS: usize = 4_096;

impl Length for Bytes {
    fn len(&self) -> u64 {
        Self::len(self)
    }
}

impl ChunkReader for Bytes {
    type T = io::BufReader<Part>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(io::BufReader::new(self.part(start, Self::len(self))))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        let mut chunk = Vec::new();
        let end = start.saturating_add(length as u64);
        if self.part(start, end).read_to_end(&mut chunk)? != length {
            return Err(ParquetError::EOF("the file ends too early".to_owned()));
        }
        Ok(chunk.into())
    }
}

/// The text of a Parquet file.
pub(super) struct ParquetText {
    file: SerializedFileReader<Bytes>,
    forms: Vec<CellForm>,
    group: usize,
    columns: Vec<Box<dyn Cells>>,
    rows_left: usize,
    text: Vec<u8>,
    at: usize,
}

impl ParquetText {
    /// Opens a file; says what is wrong with it, if there is something.
    pub(super) fn open(bytes: &Bytes) -> Result<Self, String> {
        let file = SerializedFileReader::new(bytes.clone()).map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        let mut forms = Vec::new();
        for column in file.metadata().file_metadata().schema_descr().columns() {
            forms.push(CellForm::of(column)?);
            push_separator(&mut text, forms.len());
            push_text(&mut text, column.name().as_bytes());
        }
        text.push(b'\n');
        for group in file.metadata().row_groups() {
            for column in group.columns() {
                check_compression(&column.column_path().string(), column.compression())?;
            }
        }
        Ok(Self {
            file,
            forms,
            group: 0,
            columns: Vec::new(),
            rows_left: 0,
            text,
            at: 0,
        })
    }

    /// Makes the next rows text; false where there are none.
    fn fill(&mut self) -> Result<bool, ParquetError> {
        self.text.clear();
        self.at = 0;
        while self.rows_left == 0 {
            if self.group == self.file.num_row_groups() {
                return Ok(false);
            }
            let group = self.file.get_row_group(self.group)?;
            self.group += 1;
            self.rows_left = usize::try_from(group.metadata().num_rows())?;
            self.columns.clear();
            for (at, form) in self.forms.iter().enumerate() {
                self.columns.push(cells(group.get_column_reader(at)?, *form)?);
            }
        }
        let rows = self.rows_left.min(BATCH_ROWS);
        for column in &mut self.columns {
            column.read(rows)?;
        }
        self.rows_left -= rows;
        for _ in 0..rows {
            for (at, column) in self.columns.iter_mut().enumerate() {
                push_separator(&mut self.text, at + 1);
                column.push_next(&mut self.text);
            }
            self.text.push(b'\n');
        }
        Ok(true)
    }
}

impl Read for ParquetText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() && !self.fill().map_err(io::Error::other)? {
            return Ok(0);
        }
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        let bytes = rest.read(buffer)?;
        self.at += bytes;
        Ok(bytes)
    }
}

fn check_compression(column: &str, compression: Compression) -> Result<(), String> {
    match compression {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => Ok(()),
        other => Err(format!(
            "its column {column} is compressed with {other}: write it with snappy, gzip or none"
        )),
    }
}

fn push_separator(text: &mut Vec<u8>, column: usize) {
    if column > 1 {
        text.push(b',');
    }
}

/// A cell of text on one line, quoted where it must be.
fn push_text(text: &mut Vec<u8>, cell: &[u8]) {
    let quoted = cell.iter().any(|byte| matches!(byte, b',' | b'"'));
    if quoted {
        text.push(b'"');
    }
    for byte in cell {
        match byte {
            b'"' => text.extend_from_slice(b"\"\""),
            b'\n' | b'\r' => text.push(b' '),
            byte => text.push(*byte),
        }
    }
    if quoted {
        text.push(b'"');
    }
}

/// What the values of a column mean.
#[derive(Clone, Copy, Debug)]
enum CellForm {
    Plain,
    /// Days since 1970-01-01.
    Day,
    /// Since 1970-01-01, in units of so many nanoseconds.
    Time {
        unit_nanos: i64,
        utc: bool,
    },
}

impl CellForm {
    fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        let refuse = |found: &str, remedy: &str| {
            let name = column.path().string();
            Err(format!("its column {name} is {found}: {remedy}"))
        };
        if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
            return refuse("nested", "leave it out, or make it a plain column");
        }
        let time = |unit_nanos, utc| Ok(Self::Time { unit_nanos, utc });
        match (column.physical_type(), column.logical_type_ref()) {
            (_, Some(LogicalType::Decimal(_))) => refuse("a decimal", "store it as a double"),
            (Type::INT64, Some(LogicalType::Timestamp(stamp))) => {
                let unit_nanos = match stamp.unit {
                    TimeUnit::MILLIS => 1_000_000,
                    TimeUnit::MICROS => 1_000,
                    TimeUnit::NANOS => 1,
                };
                time(unit_nanos, stamp.is_adjusted_to_u_t_c)
            }
            (Type::INT32, Some(LogicalType::Date)) => Ok(Self::Day),
            (_, Some(LogicalType::Time(_))) => refuse("a time of day", "leave it out"),
            (Type::INT96, _) => refuse("a time of 96 bits", "store it as a timestamp of 64 bits"),
            (Type::FIXED_LEN_BYTE_ARRAY, _) => refuse("binary", "leave it out, or store it as a double"),
            _ => match column.converted_type() {
                ConvertedType::TIMESTAMP_MILLIS => time(1_000_000, true),
                ConvertedType::TIMESTAMP_MICROS => time(1_000, true),
                ConvertedType::DATE => Ok(Self::Day),
                ConvertedType::DECIMAL => refuse("a decimal", "store it as a double"),
                _ => Ok(Self::Plain),
            },
        }
    }

    /// Writes whole numbers of this form.
    fn whole(self) -> impl FnMut(i64, &mut Vec<u8>) + Send {
        let mut times = UtcText::default();
        move |value, text| match self {
            Self::Time { unit_nanos, utc } if value.checked_mul(unit_nanos).is_some() => {
                times.push(value * unit_nanos, text);
                if utc {
                    text.push(b'Z');
                }
            }
            Self::Day => {
                let day = jiff::Span::new()
                    .try_days(value)
                    .and_then(|days| date(1970, 1, 1).checked_add(days));
                // A day beyond the calendar is no date, and so set aside with its row.
                let _ = match day {
                    Ok(day) => write!(text, "{day}"),
                    Err(_) => write!(text, "day {value}"),
                };
            }
            // Writing into memory does not fail.
            _ => drop(write!(text, "{value}")),
        }
    }
}

/// One column of a row group.
trait Cells: Send {
    fn read(&mut self, rows: usize) -> Result<(), ParquetError>;

    fn push_next(&mut self, text: &mut Vec<u8>);
}

struct Column<T: DataType, W> {
    reader: ColumnReaderImpl<T>,
    /// 1 where there is a value; empty where there always is one.
    levels: std::vec::IntoIter<i16>,
    values: std::vec::IntoIter<T::T>,
    write: W,
}

impl<T: DataType, W: FnMut(T::T, &mut Vec<u8>) + Send> Cells for Column<T, W> {
    fn read(&mut self, rows: usize) -> Result<(), ParquetError> {
        let (mut levels, mut values) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let (read, ..) = self
            .reader
            .read_records(rows, Some(&mut levels), None, &mut values)?;
        if read != rows {
            return Err(ParquetError::General(
                "a column has fewer rows than its group".to_owned(),
            ));
        }
        (self.levels, self.values) = (levels.into_iter(), values.into_iter());
        Ok(())
    }

    fn push_next(&mut self, text: &mut Vec<u8>) {
        if self.levels.next() != Some(0)
            && let Some(value) = self.values.next()
        {
            (self.write)(value, text);
        }
    }
}

fn cells(reader: ColumnReader, form: CellForm) -> Result<Box<dyn Cells>, ParquetError> {
    fn column<T: DataType>(
        reader: ColumnReaderImpl<T>,
        write: impl FnMut(T::T, &mut Vec<u8>) + Send + 'static,
    ) -> Box<dyn Cells> {
        Box::new(Column {
            reader,
            levels: Vec::new().into_iter(),
            values: Vec::new().into_iter(),
            write,
        })
    }
    Ok(match reader {
        ColumnReader::BoolColumnReader(reader) => column(reader, |value: bool, text| {
            text.push(if value { b'1' } else { b'0' });
        }),
        ColumnReader::Int32ColumnReader(reader) => {
            let mut write = form.whole();
            column(reader, move |value: i32, text| write(i64::from(value), text))
        }
        ColumnReader::Int64ColumnReader(reader) => column(reader, form.whole()),
        ColumnReader::FloatColumnReader(reader) => {
            column(reader, |value: f32, text| push_number(f64::from(value), text))
        }
        ColumnReader::DoubleColumnReader(reader) => column(reader, push_number),
        ColumnReader::ByteArrayColumnReader(reader) => column(
            reader,
            |value: parquet::data_type::ByteArray, text: &mut Vec<u8>| push_text(text, value.data()),
        ),
        ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            return Err(ParquetError::General("a column changed its type".to_owned()));
        }
    })
}

fn push_number(value: f64, text: &mut Vec<u8>) {
    if !value.is_nan() {
        let mut digits = zmij::Buffer::new();
        text.extend_from_slice(digits.format(value).as_bytes());
    }
}

#[cfg(test)]
mod tests;

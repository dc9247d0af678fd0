//! Parquet out: `time` as a date or a timestamp of UTC, and a nullable double for each name.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::date;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use tickwire_market::Bar;

use super::TimeText;
use crate::commands::options::OptionsError;

/// Rows that are held and written together.
const GROUP_ROWS: usize = 65_536;

/// A Parquet file that is written a group of rows at a time.
pub(in crate::commands::compute) struct ParquetTable {
    writer: SerializedFileWriter<File>,
    path: String,
    times: TimeText,
    stamps: Stamps,
    columns: Vec<Numbers>,
}

/// Times of the rows held.
enum Stamps {
    Days(Vec<i32>),
    Nanos(Vec<i64>),
}

/// Numbers of the rows held.
#[derive(Default)]
struct Numbers {
    /// Those that are there.
    values: Vec<f64>,
    /// 1 where there is one, else 0.
    levels: Vec<i16>,
}

impl ParquetTable {
    pub(super) fn create(
        path: &Path,
        times: TimeText,
        names: impl Iterator<Item = String>,
    ) -> Result<Self, OptionsError> {
        let text = path.display().to_string();
        let names: Vec<String> = names.collect();
        let stamps = match times.tells_days() {
            true => Stamps::Days(Vec::new()),
            false => Stamps::Nanos(Vec::new()),
        };
        let opened = File::create(path).map_err(ParquetError::from).and_then(|file| {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                // Numbers of indicators hardly ever repeat.
                .set_dictionary_enabled(false)
                .set_created_by(concat!("tickwire ", env!("CARGO_PKG_VERSION")).to_owned())
                .build();
            SerializedFileWriter::new(file, schema(&stamps, &names)?, Arc::new(properties))
        });
        Ok(Self {
            writer: opened.map_err(failed(&text))?,
            path: text,
            times,
            stamps,
            columns: names.iter().map(|_| Numbers::default()).collect(),
        })
    }

    pub(super) fn row(
        &mut self,
        bar: &Bar,
        cells: impl Iterator<Item = Option<f64>>,
    ) -> Result<(), OptionsError> {
        let rows = match &mut self.stamps {
            Stamps::Days(days) => {
                // Dates of the calendar are within a few million days.
                let day = self.times.date(bar).duration_since(date(1970, 1, 1)).as_hours() / 24;
                days.push(day as i32);
                days.len()
            }
            Stamps::Nanos(nanos) => {
                nanos.push(bar.start.0);
                nanos.len()
            }
        };
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            let value = cell.filter(|value| value.is_finite());
            column.levels.push(i16::from(value.is_some()));
            column.values.extend(value);
        }
        if rows == GROUP_ROWS {
            self.write_group().map_err(failed(&self.path))?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), OptionsError> {
        let written = self.write_group().and_then(|()| self.writer.close());
        written.map(drop).map_err(failed(&self.path))
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            match &mut self.stamps {
                Stamps::Days(days) => {
                    column.typed::<Int32Type>().write_batch(days, None, None)?;
                    days.clear();
                }
                Stamps::Nanos(nanos) => {
                    column.typed::<Int64Type>().write_batch(nanos, None, None)?;
                    nanos.clear();
                }
            }
            column.close()?;
        }
        for numbers in &mut self.columns {
            if let Some(mut column) = group.next_column()? {
                let Numbers { values, levels } = &*numbers;
                column
                    .typed::<DoubleType>()
                    .write_batch(values, Some(levels), None)?;
                column.close()?;
            }
            numbers.values.clear();
            numbers.levels.clear();
        }
        group.close()?;
        Ok(())
    }
}

fn schema(stamps: &Stamps, names: &[String]) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical) = match stamps {
        Stamps::Days(_) => (Physical::INT32, LogicalType::Date),
        Stamps::Nanos(_) => (Physical::INT64, LogicalType::timestamp(true, TimeUnit::NANOS)),
    };
    let time = Type::primitive_type_builder("time", physical)
        .with_logical_type(Some(logical))
        .with_repetition(Repetition::REQUIRED)
        .build()?;
    let mut fields = vec![Arc::new(time)];
    for name in names {
        let field = Type::primitive_type_builder(name, Physical::DOUBLE)
            .with_repetition(Repetition::OPTIONAL)
            .build()?;
        fields.push(Arc::new(field));
    }
    let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
    Ok(Arc::new(schema))
}

fn failed(path: &str) -> impl Fn(ParquetError) -> OptionsError {
    move |error| OptionsError::Write {
        path: path.to_owned(),
        source: io::Error::other(error),
    }
}

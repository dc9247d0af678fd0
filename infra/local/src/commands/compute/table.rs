//! What the command writes: CSV, or Parquet where the file is named so.

mod parquet;

use std::path::Path;

use tickwire_market::Bar;

use self::parquet::ParquetTable;
use super::time_text::TimeText;
use crate::commands::options::OptionsError;
use crate::commands::options::sheet::Output;

/// A table with a time and numbers in each row.
pub(super) enum Table {
    Csv(Output, TimeText),
    Parquet(ParquetTable),
}

impl Table {
    /// Creates the file, standard output where there is none.
    pub(super) fn create(
        path: Option<&Path>,
        times: TimeText,
        names: impl Iterator<Item = String>,
    ) -> Result<Self, OptionsError> {
        let extension = path.and_then(Path::extension).unwrap_or_default();
        if let Some(path) = path.filter(|_| extension.eq_ignore_ascii_case("parquet")) {
            return Ok(Self::Parquet(ParquetTable::create(path, times, names)?));
        }
        let mut output = Output::create(path)?;
        output.text(b"time");
        for name in names {
            output.text(name.as_bytes());
        }
        output.end_row()?;
        Ok(Self::Csv(output, times))
    }

    /// A row: the time of its bar, and a number or none for each name.
    pub(super) fn row(
        &mut self,
        bar: &Bar,
        cells: impl Iterator<Item = Option<f64>>,
    ) -> Result<(), OptionsError> {
        match self {
            Self::Csv(output, times) => {
                output.text(times.of(bar));
                cells.for_each(|cell| output.number(cell));
                output.end_row()
            }
            Self::Parquet(table) => table.row(bar, cells),
        }
    }

    /// Writes what is still held.
    pub(super) fn finish(self) -> Result<(), OptionsError> {
        match self {
            Self::Csv(mut output, _) => output.flush(),
            Self::Parquet(table) => table.finish(),
        }
    }
}

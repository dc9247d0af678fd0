//! Reference values of others against ours.
//!
//! The tests of this crate compare; what is here reads the reference values.

mod manifest;

pub use manifest::{Entry, Manifest, Ours};

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;

/// A table of reference values: named columns of equal length.
#[derive(Debug)]
pub struct Table(Vec<(String, Vec<Option<f64>>)>, Vec<f64>);

impl Table {
    /// Reads `goldens/{id}.csv.gz`. A cell is absent where the source has `nan`, or
    /// no number at all, such as a date.
    ///
    /// # Errors
    /// When the file is missing or no table.
    pub fn golden(id: &str) -> io::Result<Self> {
        let text = golden_text(id)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut columns: Vec<_> = reader
            .headers()?
            .iter()
            .map(|name| (name.to_owned(), Vec::new()))
            .collect();
        let mut days = Vec::new();
        for record in reader.records() {
            let record = record?;
            days.extend(record.get(1).and_then(day));
            for ((_, column), cell) in columns.iter_mut().zip(&record) {
                column.push(cell.parse().ok().filter(|value: &f64| value.is_finite()));
            }
        }
        Ok(Self(columns, days))
    }

    /// Days since 1970-01-01 of the second column, where it holds dates.
    #[must_use]
    pub fn days(&self) -> &[f64] {
        &self.1
    }

    /// The column of that name, or an error that says which there are.
    ///
    /// # Errors
    /// When there is none.
    pub fn column(&self, name: &str) -> io::Result<&[Option<f64>]> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, column)| &column[..]).ok_or_else(|| {
            let names: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
            io::Error::other(format!("no column {name}, there are {}", names.join(", ")))
        })
    }
}

fn golden_text(id: &str) -> io::Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("goldens")
        .join(format!("{id}.csv.gz"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path)?).read_to_string(&mut text)?;
    Ok(text)
}

/// A row of reference values that are not all numbers: cells by column.
#[derive(Debug)]
pub struct Row(HashMap<String, String>);

impl Row {
    /// The rows of `goldens/{id}.csv.gz`.
    ///
    /// # Errors
    /// When the file is missing or no table.
    pub fn golden(id: &str) -> io::Result<Vec<Self>> {
        let text = golden_text(id)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Result<Vec<_>, _> = reader.deserialize().collect();
        Ok(rows?.into_iter().map(Self).collect())
    }

    /// The cell of that column, empty where there is none.
    #[must_use]
    pub fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    /// The number of that column, if it is one.
    #[must_use]
    pub fn number(&self, column: &str) -> Option<f64> {
        self.text(column).parse().ok()
    }
}

/// Rows where `ours` is absent and `theirs` is not, or the reverse, or where they differ
/// by more than `tolerance` of the median magnitude of `theirs`.
#[must_use]
pub fn differences(ours: &[Option<f64>], theirs: &[Option<f64>], tolerance: f64) -> Vec<usize> {
    let most = tolerance * median_magnitude(theirs);
    let differs = |(ours, theirs): (&Option<f64>, &Option<f64>)| match (ours, theirs) {
        (None, None) => false,
        (Some(ours), Some(theirs)) => ours.is_nan() || (ours - theirs).abs() > most,
        _ => true,
    };
    let rows = ours.iter().zip(theirs).enumerate();
    rows.filter(|(_, pair)| differs(*pair))
        .map(|(row, _)| row)
        .collect()
}

fn median_magnitude(column: &[Option<f64>]) -> f64 {
    let mut magnitudes: Vec<f64> = column.iter().flatten().map(|value| value.abs()).collect();
    magnitudes.sort_by(f64::total_cmp);
    magnitudes.get(magnitudes.len() / 2).copied().unwrap_or(0.0)
}

/// The first of the [`differences`], in words.
#[must_use]
pub fn disagreement(ours: &[Option<f64>], theirs: &[Option<f64>], tolerance: f64) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} rows against {}", ours.len(), theirs.len()));
    }
    let row = *differences(ours, theirs, tolerance).first()?;
    Some(format!(
        "row {row}: {:?} against {:?}, median {:e}",
        ours[row],
        theirs[row],
        median_magnitude(theirs)
    ))
}

/// Days since 1970-01-01 of a date `2021-01-04…` (Hinnant's `days_from_civil`).
fn day(date: &str) -> Option<f64> {
    let mut parts = date.get(..10)?.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days as f64)
}

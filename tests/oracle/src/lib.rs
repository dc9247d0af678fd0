//! Reference values of others against ours.
//!
//! The tests of this crate compare; what is here reads the reference values.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;

/// A table of reference values: named columns of equal length.
#[derive(Debug)]
pub struct Table(Vec<(String, Vec<Option<f64>>)>);

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
        for record in reader.records() {
            for ((_, column), cell) in columns.iter_mut().zip(&record?) {
                column.push(cell.parse().ok().filter(|value: &f64| !value.is_nan()));
            }
        }
        Ok(Self(columns))
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

/// Finds where `ours` is absent and `theirs` is not, or the reverse, or where they
/// differ by more than `tolerance` of the median magnitude of `theirs`.
#[must_use]
pub fn disagreement(ours: &[Option<f64>], theirs: &[Option<f64>], tolerance: f64) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} rows against {}", ours.len(), theirs.len()));
    }
    let mut magnitudes: Vec<f64> = theirs.iter().flatten().map(|value| value.abs()).collect();
    magnitudes.sort_by(f64::total_cmp);
    let median = magnitudes.get(magnitudes.len() / 2).copied().unwrap_or(0.0);
    let differs = |(ours, theirs): (&Option<f64>, &Option<f64>)| match (ours, theirs) {
        (None, None) => false,
        (Some(ours), Some(theirs)) => ours.is_nan() || (ours - theirs).abs() > tolerance * median,
        _ => true,
    };
    let row = ours.iter().zip(theirs).position(differs)?;
    Some(format!(
        "row {row}: {:?} against {:?}, median {median:e}",
        ours[row], theirs[row]
    ))
}

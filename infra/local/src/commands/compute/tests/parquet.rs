//! Parquet out has the bits of the CSV; Parquet in gives what its text would.

use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::{DAILY, args};
use crate::commands::compute::compute;

/// Rows of minutes, some without volume.
fn minutes(rows: usize) -> String {
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    let mut price = 100.0_f64;
    for minute in 0..rows as i64 {
        price *= 1.0 + 0.003 * f64::sin(minute as f64);
        let time = 1_720_137_600 + minute * 60;
        let volume = match minute % 5 {
            0 => String::new(),
            units => units.to_string(),
        };
        text += &format!(
            "{time},{price},{},{},{price},{volume}\n",
            price + 1.0,
            price - 1.0
        );
    }
    text
}

const EXPRESSIONS: [&str; 4] = ["macd(5,9,4)", "close > ema(20)", "obv()", "rsi(14)@15m"];

#[test]
fn out_has_the_bits_of_the_csv() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // More than a group of rows.
    for text in [DAILY.to_owned(), minutes(66_000)] {
        let expressions = match text.len() {
            0..1_000 => &EXPRESSIONS[..3],
            _ => &EXPRESSIONS[..],
        };
        std::fs::write(path("in.csv"), text).unwrap();
        compute(&args(path("in.csv"), path("out.csv"), expressions)).unwrap();
        compute(&args(path("in.csv"), path("out.parquet"), expressions)).unwrap();
        let mut lines = csv(&path("out.csv")).into_iter();
        let reader = SerializedFileReader::new(File::open(path("out.parquet")).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema();
        let names: Vec<String> = schema
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect();
        assert_eq!(lines.next(), Some(names));
        for row in reader.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let line = lines.next().unwrap();
            for ((name, field), cell) in row.get_column_iter().zip(&line) {
                match field {
                    Field::Double(number) => {
                        let cell: f64 = cell.parse().unwrap();
                        assert_eq!(number.to_bits(), cell.to_bits(), "{name}");
                    }
                    Field::Null => assert_eq!(cell, ""),
                    Field::Date(day) => assert_eq!(*cell, DAYS[(*day - 19_724) as usize]),
                    time => {
                        let cell: jiff::Timestamp = cell.parse().unwrap();
                        let text = format!("{time:?}");
                        let nanos = cell.as_nanosecond();
                        assert!(text.ends_with(&format!("({nanos})")), "{text} {cell}");
                    }
                }
            }
        }
        assert_eq!(lines.next(), None);
    }
}

const DAYS: [&str; 4] = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"];

fn csv(path: &std::path::Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let cells = |line: &str| {
        let mut cells = vec![String::new()];
        let mut quoted = false;
        for character in line.chars() {
            match character {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                other => cells.last_mut().unwrap().push(other),
            }
        }
        cells
    };
    text.lines().map(cells).collect()
}

#[test]
fn in_gives_what_its_text_would() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let bars = ["open", "high", "low", "close", "volume"];
    for text in [DAILY.to_owned(), minutes(9_000)] {
        std::fs::write(path("in.csv"), text).unwrap();
        compute(&args(path("in.csv"), path("bars.parquet"), &bars)).unwrap();
        let expressions = ["sma(2)", "obv()", "close@1d"];
        compute(&args(path("in.csv"), path("a.csv"), &expressions)).unwrap();
        compute(&args(path("bars.parquet"), path("b.csv"), &expressions)).unwrap();
        assert_eq!(csv(&path("a.csv")), csv(&path("b.csv")));
    }
}

#[test]
fn a_wrong_schema_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("in.csv"), DAILY).unwrap();
    compute(&args(path("in.csv"), path("some.parquet"), &["close", "sma(2)"])).unwrap();
    let error = compute(&args(path("some.parquet"), path("out.csv"), &["close"])).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("some.parquet") && told.contains("open"), "{told}");
    std::fs::write(path("cut.parquet"), b"PAR1 and no more").unwrap();
    let error = compute(&args(path("cut.parquet"), path("out.csv"), &["close"])).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("cannot read") && told.contains("as Parquet"),
        "{told}"
    );
}

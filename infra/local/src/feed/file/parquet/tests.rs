//! Columns of each type as text, and what is refused.

use std::sync::Arc;

use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type, Int96Type,
};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::*;

/// A file of one row group with one column.
fn file(column: &str, fill: impl FnOnce(&mut SerializedColumnWriter<'_>)) -> Vec<u8> {
    let schema = parse_message_type(&format!("message bars {{ {column} }}")).unwrap();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    fill(&mut column);
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn text(file: Vec<u8>) -> Result<String, String> {
    let mut text = String::new();
    ParquetText::open(&Bytes::Memory(file.into()))?
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}

fn check<T: DataType>(column: &str, values: &[T::T], levels: Option<&[i16]>, expected: &[&str]) {
    let file = file(column, |writer| {
        writer.typed::<T>().write_batch(values, levels, None).unwrap();
    });
    let text = text(file).unwrap();
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected, "{column}");
}

#[test]
fn columns_of_each_type() {
    let nanos = 1_720_137_600_250_000_000;
    check::<DoubleType>(
        "optional double close;",
        &[0.1 + 0.2, f64::NAN, f64::INFINITY],
        Some(&[1, 0, 1, 1]),
        &["0.30000000000000004", "", "", "inf"],
    );
    // A float is the number that it holds, not the nearest short one.
    check::<FloatType>("required float close;", &[0.1], None, &["0.10000000149011612"]);
    check::<Int64Type>(
        "required int64 time;",
        &[1_720_137_600, -1],
        None,
        &["1720137600", "-1"],
    );
    check::<BoolType>("required boolean up;", &[true, false], None, &["1", "0"]);
    check::<Int64Type>(
        "required int64 time (timestamp(nanos,true));",
        &[nanos, -1],
        None,
        &["2024-07-05T00:00:00.25Z", "1969-12-31T23:59:59.999999999Z"],
    );
    check::<Int64Type>(
        "required int64 time (timestamp(micros,false));",
        &[nanos / 1_000, i64::MAX],
        None,
        &["2024-07-05T00:00:00.25", "9223372036854775807"],
    );
    check::<Int64Type>(
        "required int64 time (timestamp_millis);",
        &[nanos / 1_000_000],
        None,
        &["2024-07-05T00:00:00.25Z"],
    );
    check::<Int32Type>(
        "required int32 date (date);",
        &[19_909, i32::MAX],
        None,
        &["2024-07-05", "day 2147483647"],
    );
    check::<ByteArrayType>(
        "optional binary ticker (utf8);",
        &[ByteArray::from("AAPL"), ByteArray::from("a,\"b\"\nc")],
        Some(&[1, 0, 1]),
        &["AAPL", "", "\"a,\"\"b\"\" c\""],
    );
}

#[test]
fn many_rows_are_read_in_order() {
    let values: Vec<i64> = (0..3 * BATCH_ROWS as i64 + 7).collect();
    let file = file("required int64 time;", |writer| {
        writer
            .typed::<Int64Type>()
            .write_batch(&values, None, None)
            .unwrap();
    });
    let text = text(file).unwrap();
    let read: Vec<i64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(read, values);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let check = |file: Vec<u8>, expected: &str| {
        let told = text(file).unwrap_err();
        assert!(told.contains(expected), "{told}");
    };
    let number = |writer: &mut SerializedColumnWriter<'_>| {
        writer.typed::<Int64Type>().write_batch(&[1], None, None).unwrap();
    };
    let listed = |writer: &mut SerializedColumnWriter<'_>| {
        writer
            .typed::<Int64Type>()
            .write_batch(&[1], Some(&[1]), Some(&[0]))
            .unwrap();
    };
    check(
        file("required int64 close (decimal(9,2));", number),
        "its column close is a decimal: store it as a double",
    );
    check(
        file("repeated int64 close;", listed),
        "its column close is nested",
    );
    check(
        file("required group bar { required int64 close; }", number),
        "its column bar.close is nested",
    );
    check(
        file("required int96 time;", |writer| {
            let time = parquet::data_type::Int96::new();
            writer
                .typed::<Int96Type>()
                .write_batch(&[time], None, None)
                .unwrap();
        }),
        "store it as a timestamp of 64 bits",
    );
    let whole = file("required int64 close;", number);
    check(whole[..whole.len() - 3].to_vec(), "footer");
    check(b"PAR1PAR1".to_vec(), "");
}

#[test]
fn a_compression_that_is_not_known_is_told() {
    for known in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
    ] {
        assert_eq!(check_compression("close", known), Ok(()));
    }
    let told = check_compression("close", Compression::ZSTD(Default::default())).unwrap_err();
    assert!(told.contains("column close is compressed with ZSTD"), "{told}");
    assert!(told.contains("write it with snappy, gzip or none"), "{told}");
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let values: Vec<f64> = (0..500).map(f64::from).collect();
    let whole = file("required double close;", |writer| {
        writer
            .typed::<DoubleType>()
            .write_batch(&values, None, None)
            .unwrap();
    });
    let mut state = 7_usize;
    for _ in 0..2_000 {
        let mut damaged = whole.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) % damaged.len();
            damaged[at] ^= 1 << (state >> 29 & 7);
        }
        let _ = text(damaged);
    }
}

//! Rows that are set aside, and files that cannot be read.

use super::*;

#[test]
fn bad_rows_are_set_aside_and_the_rest_goes_on() {
    let text = "time,bid,ask,volume\n\
        2020-01-02 00:00:00,1,2,0\n\
        2020-01-02 00:00:01,1\n\
        # a remark\n\
        \n\
        2020-01-02 00:00:02,1,x,0\n\
        2020-01-02 00:00:03,1,,0\n\
        2020-01-02 00:00:04,-1,-1,0\n\
        2020-01-02 25:00:00,1,2,0\n\
        2020-01-02 00:00:05,1,2,0,\n\
        2020-01-01 00:00:06,1,2,0\n\
        2090-01-01 00:00:06,1,2,0\n\
        2020-01-02 00:00:07,1,2,-5\n\
        2020-01-02 00:00:08,1,2,0,7\n\
        2020-01-02 00:00:09,2,4,0\n\
        2020-01-02 00:00:08,\"2\",\"4\",0\n\
        2020-01-02 00:00:10,\"2,4,0\n\
        2020-01-02 00:00:11,2,4,0\n\
        2020-01-02 00:0";
    let expected = [
        "2 2020-01-02T00:00:00Z 1.5",
        "10 2020-01-02T00:00:05Z 1.5",
        "15 2020-01-02T00:00:09Z 3",
        "16 2020-01-02T00:00:08Z 3",
        "18 2020-01-02T00:00:11Z 3",
        "line 3: 2 columns where 4 are expected",
        "line 6: ask \"x\" is not a number",
        "line 7: ask is missing",
        "line 8: price must be above 0",
        "line 9: time \"2020-01-02 25:00:00\" cannot be read: there is no such time of day",
        "line 11: time 2020-01-01T00:00:06Z goes back from 2020-01-02T00:00:05Z",
        "line 13: size must be a finite number, 0 or above, or absent",
        "line 14: 5 columns where 4 are expected",
        "line 12: time 2090-01-01T00:00:06Z is ahead of the next row, 2020-01-02T00:00:09Z",
        "line 17: 2 columns where 4 are expected",
        "line 19: the file ends in the middle of a line",
    ];
    check(text, &fx(), &expected);
    let bars = "time,open,high,low,close\n2020-01-02 10:00,2,5,1,4\n2020-01-02 10:01,2,1,5,4\n2020-01-02 10:02,9,5,1,4\n";
    let found = ticks(bars.as_bytes(), &fx());
    assert_eq!(found.len(), 6);
    assert!(
        found[4].starts_with("line 3: ") && found[5].starts_with("line 4: "),
        "{found:?}"
    );
    let long = format!(
        "time,price\n1577923200,5\n{}\n1577923201,6\n",
        "9".repeat(1 << 20)
    );
    check(
        &long,
        &fx(),
        &[
            "2 2020-01-02T00:00:00Z 5",
            "4 2020-01-02T00:00:01Z 6",
            "line 3: the line is longer than 65536 bytes",
        ],
    );
}

#[test]
fn damage_ends_a_compressed_file_with_its_line() {
    use std::fmt::Write;

    let mut text = "time,price\n".to_owned();
    for at in 0..100_000_u64 {
        // Hard to compress, so that the cut falls among the rows.
        let price = 1 + at.wrapping_mul(6_364_136_223_846_793_005) % 99_991;
        writeln!(text, "{},{price}", 1_577_923_200 + at).unwrap();
    }
    let whole = gzip(text.as_bytes());
    let (rows, errors) = split(open_bytes(&whole[..whole.len() / 2], &fx()).unwrap());
    assert!((20_000..80_000).contains(&rows.len()), "{}", rows.len());
    assert!(
        errors
            .last()
            .is_some_and(|error| matches!(error.reason, RowRefusal::Damaged { .. })),
        "{errors:?}"
    );
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 0x55;
    let (rows, errors) = split(open_bytes(&turned, &fx()).unwrap());
    assert!(
        rows.len() > 20_000 && !errors.is_empty(),
        "{} {errors:?}",
        rows.len()
    );
    check_refused(&whole[..12], &fx(), &["cannot decompress", "fetch it again"]);
}

#[test]
fn files_that_cannot_be_read_say_what_to_do() {
    check_refused(b"", &fx(), &["has no rows"]);
    check_refused(b"\n\n# only a remark\n", &fx(), &["has no rows"]);
    check_refused(b"time,price\n", &fx(), &["has no rows"]);
    check_refused(&gzip(b""), &fx(), &["has no rows"]);
    check_refused(b"PK\x03\x04rest", &fx(), &["zip", "unzip it first"]);
    check_refused(b"PAR1\0\0", &fx(), &["cannot read", "as Parquet"]);
    check_refused(
        &gzip(&gzip(b"time,price\n1577923200,5\n")),
        &fx(),
        &["compressed twice"],
    );
    check_refused(b"\xff\xfet\0i\0", &fx(), &["UTF-16", "iconv"]);
    check_refused(b"t\0i\0m\0e\0,\0p\0\n\0", &fx(), &["UTF-16", "iconv"]);
    check_refused(b"<!DOCTYPE html><html>", &fx(), &["web page"]);
    check_refused(&[0, 159, 146, 150].repeat(100), &fx(), &["binary data"]);
    check_refused(
        b"time,price\nnever,5\nnever,6\n",
        &fx(),
        &["cannot read the time \"never\"", "write it like"],
    );
    check_refused(
        b"1577923200,5,6\n",
        &fx(),
        &["--columns", "first line is: 1577923200,5,6"],
    );
    check_refused(
        b"time,price\n1577923200,5\n",
        &FileOptions::default(),
        &["--instrument"],
    );
    check_refused(
        b"ticker,time,price\nA,1577923200,5\n",
        &FileOptions::default(),
        &["\"A\"", "--exchange"],
    );
    let bars = b"time,open,high,low,close\n2020-01-02 10:00,2,5,1,4\n";
    check_refused(bars, &fx(), &["--timeframe"]);
    let weeks = b"date,open,high,low,close\n2020-01-06,2,5,1,4\n2020-01-13,2,5,1,4\n";
    check_refused(weeks, &options("NYSE@IBM@EQ"), &["7 days apart"]);
    let directory = tempfile::tempdir().unwrap();
    let error = FileFeed::open(directory.path(), &fx()).unwrap_err().to_string();
    assert!(error.contains("is a directory: name a regular file"), "{error}");
    let error = FileFeed::open(&directory.path().join("absent.csv"), &fx())
        .unwrap_err()
        .to_string();
    assert!(error.contains("there is no file"), "{error}");
}

#[cfg(unix)]
#[test]
fn files_without_permission() {
    use std::os::unix::fs::PermissionsExt;

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(file.path()).is_ok() {
        eprintln!("SKIPPED: permissions do not bind this user");
        return;
    }
    let error = FileFeed::open(file.path(), &fx()).unwrap_err().to_string();
    assert!(error.contains("no permission"), "{error}");
}

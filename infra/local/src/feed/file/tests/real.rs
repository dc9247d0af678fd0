//! Real files, which are beside the repository or not.

use std::path::PathBuf;

use super::*;

/// Real files beside the repository, which not everybody has.
fn real(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: {} is not there, so the test of it did not run",
        path.display()
    );
    None
}

/// Each line's numbers from column `from` on: open, high, low, close, volume.
fn numbers(path: &std::path::Path, from: usize) -> Vec<Vec<f64>> {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).unwrap();
    text.lines()
        .map(|line| {
            line.split(',')
                .skip(from)
                .flat_map(|field| field.trim().parse())
                .collect()
        })
        .collect()
}

#[test]
fn real_files() {
    let check = |name: &str, options: &FileOptions, from: usize, count: usize, first: &str, last: &str| {
        let Some(path) = real(name) else { return };
        let (rows, errors) = split(FileFeed::open(&path, options).unwrap());
        assert_eq!(errors, [], "{name}");
        assert_eq!(rows.len(), count, "{name}");
        let show = |row: &Row| format!("{} {} {}", row.line, row.tick.exchange_time, row.tick.price);
        assert_eq!(
            (show(&rows[0]), show(&rows[count - 1])),
            (first.to_owned(), last.to_owned()),
            "{name}"
        );
        assert!(
            rows.windows(2)
                .all(|pair| pair[0].tick.exchange_time <= pair[1].tick.exchange_time),
            "{name}"
        );
        if from == 0 {
            return;
        }
        let mut ticks: BTreeMap<u64, Vec<&Tick>> = BTreeMap::new();
        rows.iter()
            .for_each(|row| ticks.entry(row.line).or_default().push(&row.tick));
        for (at, numbers) in numbers(&path, from).into_iter().enumerate().skip(1) {
            let [open, high, low, close, ref volume @ ..] = numbers[..] else {
                panic!("{name}: {numbers:?}")
            };
            let (second, third) = if close >= open { (low, high) } else { (high, low) };
            let of_line = &ticks[&(at as u64 + 1)];
            let prices: Vec<f64> = of_line.iter().map(|tick| tick.price).collect();
            assert_eq!(prices, [open, second, third, close], "{name} line {}", at + 1);
            let sizes: Option<f64> = of_line.iter().map(|tick| tick.size).sum();
            assert_eq!(sizes, volume.first().copied(), "{name} line {}", at + 1);
        }
    };
    check(
        "eurusd-quotes-2020-01-01.csv",
        &fx(),
        0,
        9_500,
        "1 2020-01-01T22:00:00.065Z 1.12146",
        "9500 2020-01-02T04:00:52.125Z 1.12131",
    );
    check(
        "eurusd-1h-2017.csv.gz",
        &fx(),
        1,
        6_225 * 4,
        "2 2017-01-01T22:00:00Z 1.05236",
        "6226 2017-12-29T21:59:59.999Z 1.20075",
    );
    check(
        "gbpusd-1m-2012-02.csv.gz",
        &options("FX@GBPUSD@SPOT"),
        1,
        30_117 * 4,
        "2 2012-02-01T00:00:00Z 1.57597",
        "30118 2012-03-01T00:00:59.999Z 1.59208",
    );
    check(
        "btcperp-1m-2022-01.csv.gz",
        &options("BINANCE@BTCUSDT@PERP"),
        1,
        45_031 * 4,
        "2 2021-12-31T23:01:00Z 46319",
        "45032 2022-02-01T05:31:59.999Z 38544",
    );
    check(
        "stocks-daily.csv.gz",
        &by_ticker(),
        2,
        12_154 * 4,
        "2 2000-03-01T14:30:00Z 118.56",
        "12155 2013-03-01T20:59:59.999Z 27.95",
    );
}

//! Whole files, made up.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

mod real;
mod refusals;

fn options(instrument: &str) -> FileOptions {
    FileOptions {
        instrument: Some(InstrumentKey::parse(instrument).unwrap()),
        ..FileOptions::default()
    }
}

fn fx() -> FileOptions {
    options("FX@EURUSD@SPOT")
}

fn by_ticker() -> FileOptions {
    FileOptions {
        exchange: Some("NASDAQ".to_owned()),
        ..FileOptions::default()
    }
}

fn open_bytes(bytes: &[u8], options: &FileOptions) -> Result<FileFeed, FeedError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made-up.csv");
    std::fs::write(&path, bytes).unwrap();
    FileFeed::open(&path, options)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn split(feed: FileFeed) -> (Vec<Row>, Vec<RowError>) {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for row in feed {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => errors.push(error),
        }
    }
    (rows, errors)
}

/// Ticks as `line time price[xsize]`, errors as they print.
fn ticks(bytes: &[u8], options: &FileOptions) -> Vec<String> {
    let (rows, errors) = split(open_bytes(bytes, options).unwrap());
    let mut found: Vec<String> = rows
        .iter()
        .map(|Row { line, tick }| {
            let size = tick.size.map(|size| format!("x{size}")).unwrap_or_default();
            format!("{line} {} {}{size}", tick.exchange_time, tick.price)
        })
        .collect();
    found.extend(errors.iter().map(RowError::to_string));
    found
}

fn check(text: &str, options: &FileOptions, expected: &[&str]) {
    assert_eq!(ticks(text.as_bytes(), options), expected, "{text}");
    assert_eq!(
        ticks(&gzip(text.as_bytes()), options),
        expected,
        "compressed: {text}"
    );
}

fn check_refused(bytes: &[u8], options: &FileOptions, expected: &[&str]) {
    let error = open_bytes(bytes, options).unwrap_err().to_string();
    for part in expected {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn quotes() {
    let day = "2020-01-02T";
    check(
        "20200101 190000065,1.5,2.5,0\n20200101 190010447,1.5,3.5,7\n",
        &fx(),
        &[
            &format!("1 {day}00:00:00.065Z 2"),
            &format!("2 {day}00:00:10.447Z 2.5x7"),
        ],
    );
    check(
        "Gmt time;Ask;Bid;AskVolume;BidVolume\r\n02.01.2020 00:00:01.500;2,5;1,5;3;4\r\n",
        &fx(),
        &[&format!("2 {day}00:00:01.5Z 2")],
    );
    check(
        "\u{feff}timestamp,bid,ask\n1577923200000,1.5,2.5",
        &fx(),
        &[&format!("2 {day}00:00:00Z 2")],
    );
    check(
        "<DATE>\t<TIME>\t<BID>\t<ASK>\n2020.01.02\t00:00:01.250\t1.5\t2.5\n",
        &fx(),
        &[&format!("2 {day}00:00:01.25Z 2")],
    );
    let feed = open_bytes(
        b"time,bid,bid_size,ask,ask_size\n2020-01-02 00:00,1,5,2,\n",
        &fx(),
    )
    .unwrap();
    let (rows, _) = split(feed);
    let quote = |price, size| Some(tickwire_market::Quote { price, size });
    assert_eq!(
        (rows[0].tick.bid, rows[0].tick.ask),
        (quote(1.0, Some(5.0)), quote(2.0, None))
    );
}

#[test]
fn quotes_of_the_kinds_that_brokers_export() {
    // MetaTrader leaves out what has not changed.
    check(
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n\
         2020.01.02\t00:00:00.100\t1.5\t\t\t\t2\n2020.01.02\t00:00:00.200\t\t2.5\t\t\t4\n\
         2020.01.02\t00:00:00.300\t2.5\t\t\t\t\r\n",
        &fx(),
        &[
            "3 2020-01-02T00:00:00.2Z 2",
            "4 2020-01-02T00:00:00.3Z 2.5",
            "line 2: price is missing",
        ],
    );
    check(
        "lTid,cDealable,CurrencyPair,RateDateTime,RateBid,RateAsk\n1,D,EUR/USD,2020-01-02 00:00:01.5,1.5,2.5\n",
        &fx(),
        &["2 2020-01-02T00:00:01.5Z 2"],
    );
    check(
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n\
         deribit,BTC,1577923201500000,1577923201600000,1,2.5,1.5,2\n",
        &options("DERIBIT@BTCUSD@PERP"),
        &["2 2020-01-02T00:00:01.5Z 2"],
    );
    check(
        "\"Time\",\"Bid\",\"Ask\"\n\"2020-01-02 00:00:01\",\"1,000.5\",\"1,001.5\"\n",
        &fx(),
        &["2 2020-01-02T00:00:01Z 1001"],
    );
    check(
        "DATE,TIME_M,SYM_ROOT,BID,BIDSIZ,ASK,ASKSIZ\n20200102,9:30:00.123456789,IBM,1.5,1,2.5,1\n",
        &FileOptions {
            time_zone: Some(TimeZone::get("America/New_York").unwrap()),
            ..options("NYSE@IBM@EQ")
        },
        &["2 2020-01-02T14:30:00.123456789Z 2"],
    );
}

#[test]
fn a_volume_that_is_always_0_is_unknown() {
    let sizes = |text: &str| -> Vec<Option<f64>> {
        split(open_bytes(text.as_bytes(), &fx()).unwrap())
            .0
            .iter()
            .map(|row| row.tick.size)
            .collect()
    };
    let text = "2020.01.01,17:00,1,3,1,2,0\n2020.01.01,17:01,2,3,1,2,0\n";
    assert_eq!(sizes(text), [None; 8]);
    let text = "2020.01.01,17:00,1,3,1,2,8\n2020.01.01,17:01,2,3,1,2,0\n";
    assert_eq!(sizes(text), [2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0].map(Some));
}

#[test]
fn trades() {
    check(
        "id,price,qty,time,maker\n1,5.5,2,1577923200000,true\n2,5.25,0.5,1577923200001,true\n",
        &options("BINANCE@BTCUSDT@SPOT"),
        &[
            "2 2020-01-02T00:00:00Z 5.5x2",
            "3 2020-01-02T00:00:00.001Z 5.25x0.5",
        ],
    );
    check("1577923200.5 , 5.5\n", &fx(), &["1 2020-01-02T00:00:00.5Z 5.5"]);
    let given = FileOptions {
        columns: Some(Column::parse_list("time,price,size").unwrap()),
        ..fx()
    };
    check(
        "1577923200,5.5,100\n1577923201,5.5,null\n",
        &given,
        &["1 2020-01-02T00:00:00Z 5.5x100", "2 2020-01-02T00:00:01Z 5.5"],
    );
    let text = b"time,ltp,ltq,volume,oi\n2020-01-02 09:15:00+05:30,5.5,10,1000,70\n";
    let (rows, _) = split(open_bytes(text, &options("NFO@NIFTY@FUT@2020-01-30")).unwrap());
    let tick = &rows[0].tick;
    assert_eq!(
        (tick.size, tick.volume, tick.open_interest),
        (Some(10.0), Some(1000.0), Some(70.0))
    );
    assert_eq!(tick.exchange_time.to_string(), "2020-01-02T03:45:00Z");
}

#[test]
fn bars() {
    let expected = [
        "2 2020-01-02T10:00:00Z 2x2",
        "2 2020-01-02T10:01:40Z 1x2",
        "2 2020-01-02T10:03:20Z 5x2",
        "2 2020-01-02T10:04:59.999Z 4x4",
        "3 2020-01-02T10:05:00Z 4",
        "3 2020-01-02T10:06:40Z 5",
        "3 2020-01-02T10:08:20Z 1",
        "3 2020-01-02T10:09:59.999Z 2",
    ];
    let text = "time,open,high,low,close,volume\n2020-01-02 10:00,2,5,1,4,10\n2020-01-02 10:05,4,5,1,2,\n";
    check(text, &fx(), &expected);
    let feed = open_bytes(text.as_bytes(), &fx()).unwrap();
    assert_eq!(
        feed.describe().timeframe.as_deref(),
        Some("5m (by the spacing of its first rows)")
    );
    let given = FileOptions {
        timeframe: Some(Timeframe::minutes(3).unwrap()),
        ..fx()
    };
    assert_eq!(ticks(text.as_bytes(), &given)[1], "2 2020-01-02T10:01:00Z 1x2");
    // Newest first.
    let turned = "time,open,high,low,close,volume\n2020-01-02 10:05,4,5,1,2,\n2020-01-02 10:00,2,5,1,4,10\n";
    let swapped: Vec<String> = expected
        .iter()
        .map(|row| {
            if let Some(row) = row.strip_prefix('2') {
                format!("3{row}")
            } else {
                row.replacen('3', "2", 1)
            }
        })
        .collect();
    check(
        turned,
        &fx(),
        &swapped.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    assert_eq!(
        open_bytes(turned.as_bytes(), &fx()).unwrap().describe().order,
        Order::Reversed
    );
}

#[test]
fn daily_bars_fill_the_session() {
    // A Friday with its half session, and Thanksgiving.
    let text =
        "date,open,high,low,close,volume\n2020-11-25,2,5,1,4,4\n2020-11-26,2,5,1,4,4\n2020-11-27,2,5,1,4,4\n";
    let expected = [
        "2 2020-11-25T14:30:00Z 2x1",
        "2 2020-11-25T16:40:00Z 1x1",
        "2 2020-11-25T18:50:00Z 5x1",
        "2 2020-11-25T20:59:59.999Z 4x1",
        "4 2020-11-27T14:30:00Z 2x1",
        "4 2020-11-27T15:40:00Z 1x1",
        "4 2020-11-27T16:50:00Z 5x1",
        "4 2020-11-27T17:59:59.999Z 4x1",
        "line 3: us_equities held no session on 2020-11-26",
    ];
    check(text, &options("NYSE@IBM@EQ"), &expected);
    // The same days as midnights.
    check(
        &text.replace(",2,5", " 00:00:00,2,5"),
        &options("NYSE@IBM@EQ"),
        &expected,
    );
    check_refused(
        text.as_bytes(),
        &options("MOON@IBM@EQ"),
        &["no calendar for exchange MOON"],
    );
    let old = "date,open,high,low,close\n1920-11-24,2,5,1,4\n1920-11-26,2,5,1,4\n";
    let found = ticks(
        old.as_bytes(),
        &FileOptions {
            timeframe: Some(Timeframe::DAY),
            ..options("NYSE@IBM@EQ")
        },
    );
    assert!(
        found[0].starts_with("line 2: us_equities sessions are known from"),
        "{found:?}"
    );
}

#[test]
fn bars_of_several_tickers_come_in_the_order_of_time() {
    let in_blocks = "ticker,date,open,high,low,close\nA,2020-11-24,2,5,1,4\nA,2020-11-25,2,5,1,4\n\
        B,2020-11-24,3,6,2,5\nB,2020-11-25,3,6,2,5\nB,2020-11-23,9,9,9,9\n";
    let in_order = "ticker,date,open,high,low,close\nA,2020-11-24,2,5,1,4\nB,2020-11-24,3,6,2,5\n\
        A,2020-11-25,2,5,1,4\nB,2020-11-25,3,6,2,5\n";
    let sequence = |bytes: &[u8]| {
        let (rows, errors) = split(open_bytes(bytes, &by_ticker()).unwrap());
        let errors: Vec<String> = errors.iter().map(RowError::to_string).collect();
        let ticks = rows
            .into_iter()
            .map(|row| (row.tick.exchange_time, row.tick.instrument, row.tick.price));
        (ticks.collect::<Vec<_>>(), errors)
    };
    let (blocks, errors) = sequence(in_blocks.as_bytes());
    assert_eq!(
        errors,
        ["line 6: time 2020-11-23T14:30:00Z goes back from 2020-11-25T14:30:00Z"]
    );
    assert_eq!(blocks.len(), 16);
    assert!(blocks.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{blocks:?}");
    assert_eq!(sequence(&gzip(in_blocks.as_bytes())).0, blocks);
    assert_eq!(sequence(in_order.as_bytes()), (blocks, Vec::new()));
    let order = |text: &str| {
        open_bytes(text.as_bytes(), &by_ticker())
            .unwrap()
            .describe()
            .order
    };
    assert_eq!(order(in_blocks), Order::Merged { parts: 2 });
    assert_eq!(order(in_order), Order::AsStored);
    let newest_first = "ticker,date,open,high,low,close\nA,2020-11-25,2,5,1,4\nA,2020-11-24,2,5,1,4\n\
        B,2020-11-25,3,6,2,5\nB,2020-11-24,3,6,2,5\n";
    assert_eq!(order(newest_first), Order::ReversedAndMerged { parts: 2 });
    let (rows, errors) = split(open_bytes(newest_first.as_bytes(), &by_ticker()).unwrap());
    assert_eq!((rows.len(), errors.len()), (16, 0));
    assert_eq!((rows[0].line, rows[15].line), (5, 2));
}

#[test]
fn instruments() {
    let keys = |text: &str, options: &FileOptions| {
        let mut feed = open_bytes(text.as_bytes(), options).unwrap();
        let errors: Vec<String> = feed
            .by_ref()
            .filter_map(|row| row.err().map(|error| error.to_string()))
            .collect();
        let keys = feed
            .instruments()
            .iter()
            .map(InstrumentKey::to_string)
            .collect::<Vec<_>>()
            .join(" ");
        (keys, errors.join("; "))
    };
    let check = |text: &str, options: &FileOptions, expected: &str, errors: &str| {
        assert_eq!(
            keys(text, options),
            (expected.to_owned(), errors.to_owned()),
            "{text}"
        );
    };
    let none = FileOptions::default();
    check(
        "symbol,time,price\naapl,1577923200,5\n",
        &by_ticker(),
        "NASDAQ@AAPL@EQ",
        "",
    );
    check(
        "symbol,time,price\nNSE@NIFTY@IDX,1577923200,5\n",
        &none,
        "NSE@NIFTY@IDX",
        "",
    );
    let spot = FileOptions {
        exchange: Some("FX".to_owned()),
        ..none.clone()
    };
    check("EUR/USD,20200101 17:00:00.065,1.1\n", &spot, "FX@EURUSD@SPOT", "");
    check(
        "exchange,symbol,time,price\nnse,INFY-EQ,1577923200,5\n",
        &none,
        "NSE@INFY@EQ",
        "",
    );
    let map = FileOptions {
        exchange_of: [("IBM".to_owned(), "NYSE".to_owned())].into(),
        ..none.clone()
    };
    check(
        "symbol,time,price\nIBM,1577923200,5\nFOO,1577923201,5\n",
        &map,
        "NYSE@IBM@EQ",
        "line 3: ticker \"FOO\": its exchange is not known: give --exchange",
    );
    check(
        "symbol,time,price\nA,1577923200,5\nB,1577923201,5\n",
        &options("NYSE@A@EQ"),
        "NYSE@A@EQ",
        "line 3: ticker \"B\" where the file began with \"A\": --instrument names one instrument; give --exchange instead",
    );
    let (_, errors) = keys("symbol,time,price\nA B,1577923200,5\n", &by_ticker());
    assert!(
        errors.contains("line 2: ticker \"A B\": instrument key"),
        "{errors}"
    );
}

#[test]
fn zones() {
    let in_zone = |name: &str| FileOptions {
        time_zone: Some(TimeZone::get(name).unwrap()),
        ..fx()
    };
    check(
        "time,price\n2020-07-01 09:30:00,5\n",
        &in_zone("America/New_York"),
        &["2 2020-07-01T13:30:00Z 5"],
    );
    check(
        "time,price\n2020-07-01 09:30:00Z,5\n",
        &in_zone("America/New_York"),
        &["2 2020-07-01T09:30:00Z 5"],
    );
    check(
        "20200701 170000,5\n",
        &in_zone("Asia/Kolkata"),
        &["1 2020-07-01T11:30:00Z 5"],
    );
    check(
        "time,price\n2020-11-01 01:30:00,5\n2020-11-01 01:00:00,6\n2020-11-01 01:30:00,7\n",
        &in_zone("America/New_York"),
        &[
            "2 2020-11-01T05:30:00Z 5",
            "3 2020-11-01T06:00:00Z 6",
            "4 2020-11-01T06:30:00Z 7",
        ],
    );
    let zone =
        |text: &[u8], options: &FileOptions| open_bytes(text, options).unwrap().describe().time_zone.clone();
    assert_eq!(
        zone(b"20200701 170000,5\n", &fx()),
        "-05 (HistData's shape: New York without daylight saving)"
    );
    assert_eq!(
        zone(b"time,price\n2020-07-01 09:30:00,5\n", &fx()),
        "UTC (default)"
    );
    assert_eq!(
        zone(b"time,price\n2020-07-01 09:30:00,5\n", &in_zone("Asia/Kolkata")),
        "Asia/Kolkata (given)"
    );
    assert_eq!(zone(b"time,price\n1577923200,5\n", &fx()), "told by each row");
}

#[test]
fn day_and_month() {
    let text = "date,price\n01/02/2020,5\n31/03/2020,6\n";
    check(
        text,
        &fx(),
        &["2 2020-02-01T00:00:00Z 5", "3 2020-03-31T00:00:00Z 6"],
    );
    check(
        "date,price\n31/01/2020,5\n01/02/2020,6\n",
        &fx(),
        &["2 2020-01-31T00:00:00Z 5", "3 2020-02-01T00:00:00Z 6"],
    );
    // The row that tells may be far on, and the rows that do not tell too.
    let far = "01/02/2020,5\n".repeat(30_000);
    let found = ticks(format!("date,price\n{far}13/02/2020,6\n").as_bytes(), &fx());
    assert_eq!(
        found.last().map(String::as_str),
        Some("30002 2020-02-13T00:00:00Z 6")
    );
    let far = "31/01/2020,5\n".repeat(30_000);
    let found = ticks(format!("date,price\n{far}01/02/2020,6\n").as_bytes(), &fx());
    assert_eq!(
        found.last().map(String::as_str),
        Some("30002 2020-02-01T00:00:00Z 6")
    );
    let unclear = "date,price\n01/02/2020,5\n";
    check_refused(unclear.as_bytes(), &fx(), &["\"01/02/2020\"", "--date-order dmy"]);
    let given = FileOptions {
        date_order: Some(DateOrder::MonthFirst),
        ..fx()
    };
    check(unclear, &given, &["2 2020-01-02T00:00:00Z 5"]);
}

#[test]
fn descriptions_and_identity() {
    let text = "Time;Bid;Ask;Flags\n2020-01-02 10:00:00;1;2;6\n";
    let mut progress = Vec::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("q.csv");
    std::fs::write(&path, text).unwrap();
    let feed = FileFeed::open_with_progress(&path, &fx(), &mut |done, of| progress.push((done, of))).unwrap();
    let bytes = text.len() as u64;
    assert_eq!(progress, [(bytes, bytes)]);
    let expected = format!(
        "file        {} ({bytes} bytes)\nidentity    sha256:{}\nrows        quotes, folded on the mid\n\
         columns     Time=time Bid=bid Ask=ask (Flags) (divided by \";\", header)\ntime zone   UTC (default)\n\
         order       as stored\ninstruments FX@EURUSD@SPOT",
        path.display(),
        feed.content_hash()
    );
    assert_eq!(feed.describe().to_string(), expected);
    // The well-known hash of "abc".
    let abc = Bytes::Static(b"abc").content_hash(&mut |_, _| ()).unwrap();
    assert_eq!(
        abc,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(feed) = open_bytes(&bytes, &fx()) {
            feed.for_each(drop);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(time,open,high,low,close,volume\n)?([0-9]{1,14}[,;. :/-]{1,2}|\"|\n|\t|AM|T|Z|\\+){0,120}") {
        for options in [fx(), by_ticker()] {
            if let Ok(feed) = open_bytes(text.as_bytes(), &options) {
                for row in feed.flatten() {
                    prop_assert_eq!(row.tick.check(), Ok(()));
                }
            }
        }
    }

    #[test]
    fn quotes_come_back(quotes in proptest::collection::vec((0i64..1000, 1u32..1_000_000, 0u32..1000), 1..60)) {
        let mut time = 1_577_923_200_000;
        let mut text = "time,bid,ask\n".to_owned();
        let mut expected = Vec::new();
        for (step, bid, spread) in quotes {
            time += step;
            let (bid, ask) = (f64::from(bid) / 100.0, f64::from(bid + spread) / 100.0);
            text.push_str(&format!("{time},{bid},{ask}\n"));
            expected.push((UnixNanos::from_millis(time), (bid + ask) / 2.0));
        }
        let (rows, errors) = split(open_bytes(text.as_bytes(), &fx()).unwrap());
        prop_assert_eq!(errors, []);
        let found: Vec<_> = rows.iter().map(|row| (row.tick.exchange_time, row.tick.price)).collect();
        prop_assert_eq!(found, expected);
    }
}

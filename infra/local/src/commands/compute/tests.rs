//! The command on small files.

use super::*;

mod parquet;

fn args(input: PathBuf, output: PathBuf, expressions: &[&str]) -> ComputeArgs {
    ComputeArgs {
        input,
        expressions: expressions.iter().map(|text| (*text).to_owned()).collect(),
        timeframe: None,
        output: Some(output),
        bars: None,
        columns: None,
        instrument: None,
        exchange: None,
        timezone: None,
        interest_rate: None,
        dividend_yield: None,
    }
}

/// What the command makes of a file's text: the lines written, and what it says.
fn made(text: &[u8], expressions: &[&str], change: impl Fn(&mut ComputeArgs)) -> (Vec<String>, String) {
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("in.csv"), directory.path().join("out.csv"));
    std::fs::write(&input, text).unwrap();
    let mut args = args(input, output.clone(), expressions);
    change(&mut args);
    let told = compute(&args).unwrap_or_else(|error| error.to_string());
    let written = std::fs::read_to_string(output).unwrap_or_default();
    (written.lines().map(str::to_owned).collect(), told)
}

const DAILY: &str = "date,open,high,low,close,volume\n\
    2024-01-02,10,12,9,11,100\n\
    2024-01-03,11,13,10,12.5,0\n\
    2024-01-04,12,14,11,13,\n\
    2024-01-05,9,8,7,8,5\n\
    2024-01-05,12,14,11,12,300\n";

#[test]
fn a_row_a_bar_and_a_column_an_output() {
    let (lines, told) = made(
        DAILY.as_bytes(),
        &["SMA(2)", "aroon(2)", "close > shift(close)", "volume/100"],
        |_| (),
    );
    assert_eq!(
        lines,
        [
            "time,\"sma(close,2)\",aroon(2).up,aroon(2).down,\"close>shift(close,1)\",volume/100",
            "2024-01-02,,,,,1.0",
            "2024-01-03,11.75,,,1.0,0.0",
            "2024-01-04,12.75,100.0,0.0,1.0,",
            "2024-01-05,12.5,100.0,0.0,0.0,3.0",
        ]
    );
    assert!(told.starts_with("4 rows in "), "{told}");
    assert!(told.ends_with("1 rows of the file set aside"), "{told}");
}

#[test]
fn bars_are_joined_to_longer_ones() {
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..20 {
        let price = 100 + minute;
        text += &format!(
            "2024-07-05T09:{:02}:00Z,{price},{price},{price},{price},1\n",
            31 + minute
        );
    }
    let joined =
        |change: fn(&mut ComputeArgs)| made(text.as_bytes(), &["close", "volume", "close@10m"], change);
    let (lines, _) = joined(|args| args.timeframe = "5m".parse().ok());
    assert_eq!(
        lines,
        [
            "time,close,volume,close@10m",
            "2024-07-05T09:30:00Z,103.0,4.0,",
            "2024-07-05T09:35:00Z,108.0,5.0,108.0",
            "2024-07-05T09:40:00Z,113.0,5.0,108.0",
            "2024-07-05T09:45:00Z,118.0,5.0,118.0",
        ]
    );
    let (lines, told) = joined(|args| {
        args.timeframe = "5m".parse().ok();
        args.instrument = InstrumentKey::parse("NSE@NIFTY@IDX").ok();
    });
    // India's session opens at 03:45 in UTC: ten minutes of it end at 09:35.
    assert_eq!(lines[1], "2024-07-05T09:30:00Z,103.0,4.0,103.0", "{told}");
    assert_eq!(lines[2], "2024-07-05T09:35:00Z,108.0,5.0,103.0", "{told}");
    let (_, told) = joined(|args| args.timeframe = "30m".parse().ok());
    assert!(told.contains("10m is shorter than 30m"), "{told}");
    let (_, told) = joined(|args| {
        args.bars = "1h".parse().ok();
        args.timeframe = "5m".parse().ok();
    });
    assert!(
        told.contains("bars of 1h cannot be made into bars of 5m"),
        "{told}"
    );
}

#[test]
fn other_instruments_of_the_file_can_be_read() {
    let text = "time,ticker,open,high,low,close\n\
        2024-07-05T14:00:00Z,MSFT,20,20,20,20\n\
        2024-07-05T14:00:00Z,AAPL,10,10,10,10\n\
        2024-07-05T14:01:00Z,AAPL,30,30,30,30\n\
        2024-07-05T14:01:00Z,MSFT,10,10,10,10\n\
        2024-07-05T14:02:00Z,AAPL,20,20,20,20\n";
    let ratio = "close/close[NASDAQ@MSFT@EQ]";
    let of = |name: &str| {
        let key = InstrumentKey::parse(name).unwrap();
        made(text.as_bytes(), &[ratio], move |args| {
            args.exchange = Some("NASDAQ".to_owned());
            args.instrument = Some(key.clone());
        })
    };
    let (lines, told) = of("NASDAQ@AAPL@EQ");
    assert_eq!(
        lines,
        [
            "time,close/close[NASDAQ@MSFT@EQ]",
            "2024-07-05T14:00:00Z,0.5",
            "2024-07-05T14:01:00Z,3.0",
            "2024-07-05T14:02:00Z,2.0",
        ],
        "{told}"
    );
    let (lines, _) = of("NASDAQ@MSFT@EQ");
    assert_eq!(
        lines[1..],
        ["2024-07-05T14:00:00Z,1.0", "2024-07-05T14:01:00Z,1.0"]
    );
    let (_, told) = of("NASDAQ@IBM@EQ");
    assert!(
        told.contains("no rows of NASDAQ@IBM@EQ: it has NASDAQ@AAPL@EQ, NASDAQ@MSFT@EQ"),
        "{told}"
    );
    let (_, told) = made(text.as_bytes(), &[ratio], |args| {
        args.exchange = Some("NASDAQ".to_owned())
    });
    assert!(
        told.contains("rows of 2 instruments: say by --instrument"),
        "{told}"
    );
    let (_, told) = made(DAILY.as_bytes(), &[ratio], |_| ());
    assert!(
        told.contains("reads NASDAQ@MSFT@EQ, whose bars are not given"),
        "{told}"
    );
}

#[test]
fn bars_of_any_length_are_taken() {
    let text = "time,open,high,low,close\n\
        2024-01-01,1,1,1,1\n2024-01-08,2,2,2,2\n2024-01-15,3,3,3,3\n2024-01-22,4,4,4,4\n";
    let (lines, _) = made(text.as_bytes(), &["sma(2)"], |_| ());
    assert_eq!(lines[2], "2024-01-08T00:00:00Z,1.5");
    let (_, told) = made(text.as_bytes(), &["close@1d"], |_| ());
    assert!(told.contains("cannot be joined"), "{told}");
    let one = "time,open,high,low,close\n1704067200,1,2,1,2\n";
    let (lines, told) = made(one.as_bytes(), &["close"], |_| ());
    assert_eq!(lines, ["time,close", "2024-01-01T00:00:00Z,2.0"], "{told}");
}

#[test]
fn what_is_wrong_is_said() {
    let (lines, told) = made(DAILY.as_bytes(), &["emaa(20)"], |_| ());
    assert!(lines.is_empty());
    assert!(
        told.contains("unknown name `emaa`, did you mean `ema`?"),
        "{told}"
    );
    let quotes = "time,bid,ask\n2024-01-02T00:00:00Z,1,2\n2024-01-02T00:00:01Z,1,2\n";
    let (_, told) = made(quotes.as_bytes(), &["close"], |_| ());
    assert!(told.contains("holds no bars"), "{told}");
}

#[test]
fn a_prefix_of_the_file_gives_a_prefix_of_the_rows() {
    let mut rows = vec!["time,open,high,low,close,volume".to_owned()];
    let mut price = 100.0_f64;
    for minute in 0..300_i64 {
        price += f64::from((minute * 7919 % 13) as i32) - 6.0;
        let time = 1_720_137_600 + minute * 60 + minute / 50 * 600;
        rows.push(format!(
            "{time},{price},{},{},{price},{}",
            price + 1.0,
            price - 1.0,
            minute % 9
        ));
    }
    let expressions = [
        "ema(rsi(5),9)@15m",
        "macd(5,9,4)",
        "crosses_above(close,sma(5))",
        "vwap_session()",
    ];
    let run = |count: usize| made((rows[..count].join("\n") + "\n").as_bytes(), &expressions, |_| ()).0;
    let whole = run(rows.len());
    for count in [2, 3, 17, 100, 301] {
        let part = run(count);
        assert_eq!(part.len(), count, "{count}");
        assert_eq!(part, whole[..part.len()], "{count}");
    }
}

#[test]
fn options_are_valued_on_the_bars_of_their_underlying() {
    const OPTION: &str = "NFO@NIFTY@OPT@2024-07-11@CE@24000";
    let text = format!(
        "instrument,time,open,high,low,close\n\
         NSE@NIFTY@IDX,2024-07-05T04:01:00Z,24000,24000,24000,24000\n\
         {OPTION},2024-07-05T04:01:00Z,180,182,178,180\n\
         NSE@NIFTY@IDX,2024-07-05T04:02:00Z,24010,24010,24010,24010\n\
         {OPTION},2024-07-05T04:02:00Z,185,185,185,185\n"
    );
    let made = |rate, dividend_yield| {
        made(text.as_bytes(), &["iv", "delta"], |args| {
            args.instrument = Some(OPTION.parse().unwrap());
            args.exchange = Some("NFO".into());
            args.bars = Some(Timeframe::MINUTE);
            (args.interest_rate, args.dividend_yield) = (rate, dividend_yield);
        })
    };
    let cells = |lines: &[String]| -> Vec<f64> {
        let cells = lines[1].split(',').skip(1);
        cells.map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()
    };
    let (without, told) = made(None, None);
    assert!(
        cells(&without).iter().all(|cell| cell.is_nan()),
        "{without:?} {told}"
    );
    let (flat, told) = made(Some(0.065), None);
    assert_eq!(flat.len(), 3, "{flat:?} {told}");
    let (iv, delta) = (cells(&flat)[0], cells(&flat)[1]);
    assert!(
        (0.05..0.2).contains(&iv) && (0.5..0.6).contains(&delta),
        "{flat:?}"
    );
    let (yielding, _) = made(Some(0.065), Some(0.05));
    assert!(
        cells(&yielding)[0] > iv,
        "a yield lowers the forward: {yielding:?}"
    );
    let (_, told) = made(Some(f64::NAN), None);
    assert!(told.contains("curve"), "{told}");
}

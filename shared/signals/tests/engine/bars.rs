//! Bars: what opens, amends and closes them.

use crate::bench::*;
use tickwire_market::{Bar, UnixNanos};
use tickwire_signals::{Event, Folded, LATENESS_NANOS};

const NIFTY: &str = "NSE@NIFTY@IDX";
const ONE: &str = "public:NSE@NIFTY@IDX:1m:bars";
const FIVE: &str = "public:NSE@NIFTY@IDX:5m:bars";
const DAY: &str = "public:NSE@NIFTY@IDX:1d:bars";

fn nifty() -> Bench {
    Bench::with(&[instrument(NIFTY), add(ONE), add(FIVE), add(DAY)])
}

fn open() -> UnixNanos {
    at("2024-07-05T03:45:00Z")
}

/// Open, high, low, close and ticks.
fn prices(bar: &Bar) -> (f64, f64, f64, f64, u32) {
    (bar.open, bar.high, bar.low, bar.close, bar.ticks)
}

#[test]
fn a_bar_closes_with_the_next_tick_past_lateness() {
    let mut bench = nifty();
    bench.tick(NIFTY, open().saturating_add(10 * SECOND), 100.0);
    bench.tick(NIFTY, open().saturating_add(20 * SECOND), 103.0);
    bench.tick(NIFTY, open().saturating_add(50 * SECOND), 99.0);
    bench.tick(NIFTY, open().saturating_add(MINUTE + LATENESS_NANOS - 1), 105.0);
    assert_eq!(bench.bars_of(ONE), [], "it waits for late ticks");
    bench.tick(NIFTY, open().saturating_add(MINUTE + LATENESS_NANOS), 106.0);
    let bars = bench.bars_of(ONE);
    assert_eq!(bars.len(), 1);
    assert_eq!(prices(&bars[0]), (100.0, 103.0, 99.0, 99.0, 3));
    assert_eq!(
        (bars[0].start, bars[0].end),
        (open(), open().saturating_add(MINUTE))
    );
    assert_eq!(bars[0].volume, None, "unknown is not 0");
    assert_eq!(bench.bars.len(), 1, "one bar is stored");
}

#[test]
fn a_bar_closes_by_the_clock_without_ticks() {
    let mut bench = nifty();
    bench.tick(NIFTY, open().saturating_add(10 * SECOND), 100.0);
    assert_eq!(bench.clock(open().saturating_add(MINUTE - 1)), Folded::Unchanged);
    assert_eq!(bench.clock(open().saturating_add(MINUTE)), Folded::Changed);
    assert_eq!(bench.bars_of(ONE).len(), 1);
    let signal = bench.signals.last().unwrap();
    assert_eq!(
        signal.receive_time,
        open().saturating_add(MINUTE + LATENESS_NANOS)
    );
    assert_eq!(bench.clock(open().saturating_add(4 * MINUTE)), Folded::Unchanged);
    assert_eq!(bench.bars_of(FIVE), []);
    bench.clock(open().saturating_add(5 * MINUTE));
    assert_eq!(bench.bars_of(FIVE).len(), 1);
}

#[test]
fn a_clock_that_closes_nothing_leaves_no_trace() {
    let mut bench = nifty();
    bench.tick(NIFTY, open().saturating_add(10 * SECOND), 100.0);
    let before = export(&bench.engine);
    assert_eq!(bench.clock(open().saturating_add(30 * SECOND)), Folded::Unchanged);
    assert_eq!(bench.clock(UnixNanos(0)), Folded::Unchanged);
    assert_eq!(export(&bench.engine), before);
    let mut empty = Bench::default();
    assert_eq!(empty.clock(UnixNanos(i64::MAX)), Folded::Unchanged);
}

#[test]
fn a_late_tick_amends_the_open_bar() {
    let mut bench = nifty();
    bench.tick(NIFTY, open().saturating_add(10 * SECOND), 100.0);
    // The next minute has begun, the first still waits.
    bench.tick(NIFTY, open().saturating_add(MINUTE + SECOND), 110.0);
    bench.tick(NIFTY, open().saturating_add(MINUTE - SECOND), 90.0);
    bench.clock(open().saturating_add(2 * MINUTE));
    let bars = bench.bars_of(ONE);
    assert_eq!(prices(&bars[0]), (100.0, 100.0, 90.0, 90.0, 2));
    assert_eq!(prices(&bars[1]), (110.0, 110.0, 110.0, 110.0, 1));
    assert_eq!(bench.engine.counters().late, 0);
}

#[test]
fn a_tick_may_open_the_older_of_two_bars() {
    let mut bench = nifty();
    bench.tick(NIFTY, open().saturating_add(MINUTE + SECOND), 110.0);
    bench.tick(NIFTY, open().saturating_add(MINUTE - SECOND), 90.0);
    bench.clock(open().saturating_add(5 * MINUTE));
    let starts: Vec<i64> = bench
        .bars_of(ONE)
        .iter()
        .map(|bar| bar.start.nanos_since(open()) / MINUTE)
        .collect();
    assert_eq!(starts, [0, 1], "closed in order of time");
}

#[test]
fn a_late_tick_takes_no_volume_from_its_successors() {
    let mut bench = nifty();
    let mut tick = |seconds: i64, volume: f64| {
        let tick = tickwire_market::Tick {
            volume: Some(volume),
            ..crate::bench::tick(NIFTY, open().saturating_add(seconds * SECOND), 100.0)
        };
        bench.fold(&Event::Tick(tick));
    };
    tick(10, 1_000.0);
    tick(30, 1_100.0);
    tick(70, 1_150.0);
    // Late, from before the first.
    tick(5, 400.0);
    tick(80, 1_200.0);
    bench.clock(open().saturating_add(2 * MINUTE));
    let volumes: Vec<_> = bench.bars_of(ONE).iter().map(|bar| bar.volume).collect();
    assert_eq!(volumes, [Some(100.0), Some(100.0)]);
}

#[test]
fn sessions_end_bars() {
    // Instrument, last tick of the session, its close, and the start of its hour.
    let check = |name: &str, last: &str, start: &str, close: &str| {
        let hour = format!("public:{name}:1h:bars");
        let day = format!("public:{name}:1d:bars");
        let mut bench = Bench::with(&[instrument(name), add(&hour), add(&day)]);
        assert_eq!(bench.tick(name, at(last), 100.0), Folded::Changed);
        bench.clock(at(close));
        assert_eq!(bench.bars_of(&hour).len(), 1, "{name}: the hour");
        assert_eq!(
            (bench.bars_of(&hour)[0].start, bench.bars_of(&hour)[0].end),
            (at(start), at(close)),
            "{name}"
        );
        assert_eq!(bench.bars_of(&day)[0].end, at(close), "{name}: the day");
        assert_eq!(bench.engine.counters().outside_session, 0, "{name}");
    };
    // 09:15 and six hours, then a quarter of an hour.
    check(
        NIFTY,
        "2024-07-05T09:59:59Z",
        "2024-07-05T09:45:00Z",
        "2024-07-05T10:00:00Z",
    );
    // 09:30 to 16:00 in summer and in winter.
    check(
        "NASDAQ@AAPL@EQ",
        "2024-07-05T19:59:00Z",
        "2024-07-05T19:30:00Z",
        "2024-07-05T20:00:00Z",
    );
    check(
        "NASDAQ@AAPL@EQ",
        "2024-12-05T20:59:00Z",
        "2024-12-05T20:30:00Z",
        "2024-12-05T21:00:00Z",
    );
    // The day before Independence Day ends at 13:00.
    check(
        "NASDAQ@AAPL@EQ",
        "2024-07-03T16:59:00Z",
        "2024-07-03T16:30:00Z",
        "2024-07-03T17:00:00Z",
    );
    // Foreign exchange rolls at 17:00 New York, on Friday for the week.
    check(
        "FX@EURUSD@SPOT",
        "2024-07-05T20:59:00Z",
        "2024-07-05T20:00:00Z",
        "2024-07-05T21:00:00Z",
    );
    check(
        "FX@EURUSD@SPOT",
        "2024-07-04T20:59:00Z",
        "2024-07-04T20:00:00Z",
        "2024-07-04T21:00:00Z",
    );
    // Crypto days are those of UTC, weekends too.
    check(
        "BINANCE@BTCUSDT@SPOT",
        "2024-07-06T23:59:59Z",
        "2024-07-06T23:00:00Z",
        "2024-07-07T00:00:00Z",
    );
}

#[test]
fn bars_go_with_the_session_when_the_clocks_change() {
    // The last tick before the weekend, when its session ends; the first behind it, when that
    // session and its first hour end.
    let check = |name: &str, before: [&str; 2], behind: [&str; 3]| {
        let [hours, days] = ["1h", "1d"].map(|timeframe| format!("public:{name}:{timeframe}:bars"));
        let mut bench = Bench::with(&[instrument(name), add(&hours), add(&days)]);
        let (before, behind) = (before.map(at), behind.map(at));
        bench.tick(name, before[0], 100.0);
        bench.clock(before[1].saturating_add(-1));
        assert_eq!(bench.bars_of(&days), [], "{name}");
        bench.clock(before[1]);
        bench.tick(name, behind[0], 101.0);
        bench.clock(behind[2]);
        let ends: Vec<UnixNanos> = bench.bars_of(&hours).iter().map(|bar| bar.end).collect();
        assert_eq!(ends, [before[1], behind[2]], "{name}");
        bench.clock(behind[1]);
        let ends: Vec<UnixNanos> = bench.bars_of(&days).iter().map(|bar| bar.end).collect();
        assert_eq!(ends, [before[1], behind[1]], "{name}");
    };
    // New York, in March: 14:30 to 21:00 becomes 13:30 to 20:00.
    check(
        "NASDAQ@AAPL@EQ",
        ["2024-03-08T20:59:30Z", "2024-03-08T21:00:00Z"],
        [
            "2024-03-11T13:30:05Z",
            "2024-03-11T20:00:00Z",
            "2024-03-11T14:30:00Z",
        ],
    );
    // In November it goes back.
    check(
        "NASDAQ@AAPL@EQ",
        ["2024-11-01T19:59:30Z", "2024-11-01T20:00:00Z"],
        [
            "2024-11-04T14:30:05Z",
            "2024-11-04T21:00:00Z",
            "2024-11-04T15:30:00Z",
        ],
    );
    // Foreign exchange opens again on Sunday, behind the change.
    check(
        "FX@EURUSD@SPOT",
        ["2024-03-08T21:59:30Z", "2024-03-08T22:00:00Z"],
        [
            "2024-03-10T21:00:05Z",
            "2024-03-11T21:00:00Z",
            "2024-03-10T22:00:00Z",
        ],
    );
    // A half day before a holiday on a Thursday.
    check(
        "NYSE@IBM@EQ",
        ["2024-07-03T16:59:30Z", "2024-07-03T17:00:00Z"],
        [
            "2024-07-05T13:30:05Z",
            "2024-07-05T20:00:00Z",
            "2024-07-05T14:30:00Z",
        ],
    );
}

#[test]
fn outside_the_session_there_are_prices_and_no_bars() {
    let check = |name: &str, time: &str| {
        let price = format!("public:{name}:tick:price");
        let minute = format!("public:{name}:1m:bars");
        let sma = format!("common:{name}:tick:sma(close,1)");
        let mut bench = Bench::with(&[instrument(name), add(&price), add(&minute), add(&sma)]);
        bench.tick(name, at(time), 100.0);
        bench.clock(at(time).saturating_add(600 * MINUTE));
        assert_eq!(bench.signals.len(), 1, "{name} at {time}");
        assert_eq!(bench.engine.counters().outside_session, 1);
    };
    check(NIFTY, "2024-07-05T03:44:59Z");
    check(NIFTY, "2024-07-05T10:00:00Z");
    check("NASDAQ@AAPL@EQ", "2024-07-03T17:00:00Z");
    check("NASDAQ@AAPL@EQ", "2024-07-04T15:00:00Z");
    check("FX@EURUSD@SPOT", "2024-07-05T21:00:00Z");
    check("FX@EURUSD@SPOT", "2024-07-07T20:59:59Z");
}

#[test]
fn a_session_does_not_reach_into_the_next() {
    let mut bench = nifty();
    bench.tick(NIFTY, at("2024-07-05T09:59:30Z"), 100.0);
    // Monday closes what Friday left.
    bench.tick(NIFTY, at("2024-07-08T03:45:00Z"), 200.0);
    assert_eq!(bench.bars_of(ONE).len(), 1);
    assert_eq!(bench.bars_of(FIVE).len(), 1);
    assert_eq!(bench.bars_of(DAY).len(), 1);
    bench.clock(at("2024-07-08T10:00:00Z"));
    assert_eq!(bench.bars_of(DAY)[1].open, 200.0);
    assert_eq!(bench.bars_of(DAY)[1].start, at("2024-07-08T03:45:00Z"));
}

#[test]
fn volume_is_the_difference_of_the_cumulative_one() {
    let mut bench = nifty();
    for (seconds, volume, size) in [
        (1, 1_000.0, Some(7.0)),
        (30, 1_050.0, None),
        (61, 1_060.0, None),
        (90, 1_200.0, None),
    ] {
        let tick = tickwire_market::Tick {
            volume: Some(volume),
            size,
            ..tick(NIFTY, open().saturating_add(seconds * SECOND), 100.0)
        };
        bench.fold(&Event::Tick(tick));
    }
    bench.clock(open().saturating_add(5 * MINUTE));
    let volumes: Vec<_> = bench.bars_of(ONE).iter().map(|bar| bar.volume).collect();
    assert_eq!(volumes, [Some(57.0), Some(150.0)]);
    assert_eq!(bench.bars_of(FIVE)[0].volume, Some(207.0));
}

#[test]
fn another_instrument_closes_the_bars_of_all() {
    let mut bench = nifty();
    let other = "NFO@NIFTY@FUT@2024-07-25";
    bench.fold(&instrument(other));
    bench.tick(NIFTY, open().saturating_add(10 * SECOND), 100.0);
    bench.tick(other, open().saturating_add(MINUTE + LATENESS_NANOS), 101.0);
    assert_eq!(bench.bars_of(ONE).len(), 1);
}

#[test]
fn removing_a_stream_does_not_leave_its_end_behind() {
    let mut bench = nifty();
    bench.tick(NIFTY, open().saturating_add(10 * SECOND), 100.0);
    bench.clock(open().saturating_add(MINUTE));
    bench.fold(&remove(FIVE));
    let before = export(&bench.engine);
    assert_eq!(
        bench.clock(open().saturating_add(5 * MINUTE)),
        Folded::Unchanged,
        "a restored engine sees no end"
    );
    assert_eq!(export(&bench.engine), before);
}

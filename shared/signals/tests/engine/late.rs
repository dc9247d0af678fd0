//! Ticks that come when their minute is closed.

use proptest::prelude::*;
use tickwire_market::{Bar, Tick, Timeframe, UnixNanos};
use tickwire_signals::{
    CORRECTABLE_NANOS, ClosedBar, Event, Fold, Folded, ReferenceChange, SignalValue, WarmUp, coarsen,
};

use crate::bench::*;

const NIFTY: &str = "NSE@NIFTY@IDX";
const BTC: &str = "BINANCE@BTCUSDT@SPOT";
const ONE: &str = "public:NSE@NIFTY@IDX:1m:bars";
const FIVE: &str = "public:NSE@NIFTY@IDX:5m:bars";
const DAY: &str = "public:NSE@NIFTY@IDX:1d:bars";
const MEAN: &str = "common:NSE@NIFTY@IDX:1m:sma(close,1)";

fn open() -> UnixNanos {
    at("2024-07-05T03:45:00Z")
}

fn after(seconds: i64) -> UnixNanos {
    open().saturating_add(seconds * SECOND)
}

fn sized(seconds: i64, price: f64, size: f64) -> Event {
    Event::Tick(Tick {
        size: Some(size),
        ..tick(NIFTY, after(seconds), price)
    })
}

/// Two ticks at seconds 10 and 50 of the first minute, which is closed.
fn closed_minute() -> Bench {
    let mut bench = Bench::with(&[instrument(NIFTY), add(ONE), add(FIVE), add(DAY), add(MEAN)]);
    bench.fold(&sized(10, 100.0, 1.0));
    bench.fold(&sized(50, 102.0, 2.0));
    bench.clock(after(60));
    bench
}

/// Signals of a stream of bars as they were told: whether a correction, and the bar.
fn told(bench: &Bench, key: &str) -> Vec<(bool, Bar)> {
    let wanted = stream(key);
    let of = bench
        .signals
        .iter()
        .filter(|signal| bench.engine.streams()[signal.stream as usize].key == wanted);
    of.filter_map(|signal| match &signal.value {
        SignalValue::Bar(bar) => Some((false, *bar)),
        SignalValue::CorrectedBar(bar) => Some((true, *bar)),
        _ => None,
    })
    .collect()
}

/// Open, high, low, close, volume and ticks.
fn content(bar: &Bar) -> (f64, f64, f64, f64, Option<f64>, u32) {
    (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks)
}

#[test]
fn a_late_tick_takes_its_place_by_the_time_of_the_exchange() {
    let check = |late: &[(i64, f64)], expected| {
        let mut bench = closed_minute();
        for (seconds, price) in late {
            bench.fold(&sized(*seconds, *price, 0.5));
        }
        let told = told(&bench, ONE);
        assert_eq!(told.len(), 1 + late.len(), "a correction each");
        assert!(!told[0].0 && told[1..].iter().all(|(corrected, _)| *corrected));
        assert_eq!(content(&told[0].1), (100.0, 102.0, 100.0, 102.0, Some(3.0), 2));
        let last = told.last().unwrap().1;
        assert_eq!(content(&last), expected, "{late:?}");
        assert_eq!((last.start, last.end), (open(), after(60)));
        assert_eq!(bench.stored(&key(NIFTY), Timeframe::MINUTE), [last]);
        assert_eq!(bench.engine.counters().late, 0);
    };
    check(&[(20, 101.0)], (100.0, 102.0, 100.0, 102.0, Some(3.5), 3));
    check(&[(20, 105.0)], (100.0, 105.0, 100.0, 102.0, Some(3.5), 3));
    check(&[(20, 95.0)], (100.0, 102.0, 95.0, 102.0, Some(3.5), 3));
    check(&[(5, 99.0)], (99.0, 102.0, 99.0, 102.0, Some(3.5), 3));
    check(&[(55, 101.5)], (100.0, 102.0, 100.0, 101.5, Some(3.5), 3));
    // Of the same time as the first and the last: it came behind them.
    check(&[(10, 101.0)], (100.0, 102.0, 100.0, 102.0, Some(3.5), 3));
    check(&[(50, 101.0)], (100.0, 102.0, 100.0, 101.0, Some(3.5), 3));
    check(
        &[(55, 104.0), (5, 98.0), (52, 97.0), (7, 103.0)],
        (98.0, 104.0, 97.0, 104.0, Some(5.0), 6),
    );
}

#[test]
fn a_tick_of_an_open_bar_takes_its_place_too() {
    let mut bench = Bench::with(&[instrument(NIFTY), add(ONE)]);
    for (seconds, price) in [(10, 100.0), (59, 102.0), (58, 101.0), (5, 99.0)] {
        bench.tick(NIFTY, after(seconds), price);
    }
    bench.clock(after(60));
    let bar = told(&bench, ONE)[0].1;
    assert_eq!(content(&bar), (99.0, 102.0, 99.0, 102.0, None, 4));
}

#[test]
fn a_bar_is_settled_in_the_end() {
    let check = |watermark: UnixNanos, corrected: bool| {
        let mut bench = closed_minute();
        bench.fold(&instrument(BTC));
        let lateness = tickwire_signals::LATENESS_NANOS;
        bench.tick(BTC, watermark.saturating_add(lateness), 1.0);
        assert_eq!(bench.engine.watermark(), Some(watermark));
        let stored = bench.bars.len();
        assert_eq!(bench.tick(NIFTY, after(20), 1.0), Folded::Changed);
        assert_eq!(bench.engine.counters().late, u64::from(!corrected));
        assert_eq!(told(&bench, ONE).len(), 1 + usize::from(corrected));
        assert_eq!(bench.bars.len() - stored, usize::from(corrected));
        bench.clock(after(600));
        let low = if corrected { 1.0 } else { 100.0 };
        assert_eq!(bench.bars_of(FIVE)[0].low, low);
    };
    let settled = after(60).saturating_add(CORRECTABLE_NANOS);
    check(settled.saturating_add(-1), true);
    check(settled, false);
}

#[test]
fn longer_bars_that_form_take_it_and_those_that_closed_are_corrected() {
    let mut bench = closed_minute();
    bench.fold(&sized(20, 95.0, 0.5));
    assert_eq!(told(&bench, FIVE), []);
    bench.fold(&sized(250, 103.0, 1.0));
    bench.clock(after(300));
    let five = told(&bench, FIVE);
    assert_eq!(content(&five[0].1), (100.0, 103.0, 95.0, 103.0, Some(4.5), 4));
    bench.fold(&sized(260, 104.0, 1.0));
    let five = told(&bench, FIVE);
    assert_eq!(five.len(), 2);
    assert!(five[1].0);
    assert_eq!(content(&five[1].1), (100.0, 104.0, 95.0, 104.0, Some(5.5), 5));
    assert_eq!(told(&bench, DAY), [], "it forms");
}

#[test]
fn the_last_minute_of_a_session_corrects_its_day() {
    let mut bench = closed_minute();
    let close = at("2024-07-05T10:00:00Z");
    bench.tick(NIFTY, close.saturating_add(-30 * SECOND), 110.0);
    bench.clock(close);
    assert_eq!(told(&bench, DAY).len(), 1);
    bench.restart();
    bench.tick(NIFTY, close.saturating_add(-SECOND), 111.0);
    let day = told(&bench, DAY);
    assert_eq!((day.len(), day[1].0, day[1].1.close), (2, true, 111.0));
    let stored = bench.stored(&key(NIFTY), Timeframe::DAY);
    assert_eq!(stored, [day[1].1]);
    // The next session begins, and that one is settled.
    bench.tick(NIFTY, at("2024-07-08T03:45:05Z"), 120.0);
    bench.tick(NIFTY, close.saturating_add(-SECOND), 1.0);
    assert_eq!(bench.engine.counters().late, 1);
    assert_eq!(told(&bench, DAY).len(), 2);
}

#[test]
fn a_day_that_is_followed_by_the_next_at_once_is_corrected() {
    let day = "public:BINANCE@BTCUSDT@SPOT:1d:bars";
    let mut bench = Bench::with(&[instrument(BTC), add(day)]);
    let midnight = at("2024-07-06T00:00:00Z");
    let mut trade = |seconds: i64, price: f64, size: f64| {
        let tick = Tick {
            size: Some(size),
            ..tick(BTC, midnight.saturating_add(seconds * SECOND), price)
        };
        bench.fold(&Event::Tick(tick));
    };
    trade(-10, 100.0, 1.0);
    trade(5, 101.0, 2.0);
    trade(-5, 99.0, 4.0);
    trade(70, 102.0, 8.0);
    bench.clock(at("2024-07-07T00:00:00Z"));
    let days: Vec<_> = bench.bars_of(day).iter().map(content).collect();
    assert_eq!(
        days,
        [
            (100.0, 100.0, 99.0, 99.0, Some(5.0), 2),
            (101.0, 102.0, 101.0, 102.0, Some(10.0), 2),
        ]
    );
}

#[test]
fn a_minute_without_ticks_may_have_one_late() {
    let mut bench = closed_minute();
    // The second minute goes by.
    bench.fold(&instrument(BTC));
    bench.tick(BTC, after(123), 1.0);
    bench.fold(&sized(70, 90.0, 1.0));
    let one = told(&bench, ONE);
    assert_eq!((one.len(), one[1].0), (2, true));
    assert_eq!((one[1].1.start, one[1].1.end), (after(60), after(120)));
    bench.clock(after(300));
    let five = told(&bench, FIVE);
    assert_eq!(content(&five[0].1), (100.0, 102.0, 90.0, 90.0, Some(4.0), 3));
    // So may a whole five minutes, and what was to be told of them is.
    bench.tick(BTC, after(630), 1.0);
    bench.fold(&sized(590, 80.0, 1.0));
    let five = told(&bench, FIVE);
    assert_eq!((five.len(), five[1].0, five[1].1.low), (2, true, 80.0));
}

#[test]
fn what_was_computed_stands() {
    let mut bench = closed_minute();
    let before = bench.of(MEAN);
    assert_eq!(before.len(), 1);
    bench.fold(&sized(55, 105.0, 1.0));
    assert_eq!(bench.of(MEAN), before);
    bench.fold(&sized(70, 106.0, 1.0));
    bench.clock(after(120));
    assert_eq!(bench.of(MEAN).len(), 2);
}

#[test]
fn the_newest_signal_is_the_newest_bar() {
    let mut bench = closed_minute();
    bench.fold(&sized(20, 95.0, 0.5));
    let id = bench.engine.stream_id(&stream(ONE)).unwrap();
    let latest = bench.engine.streams()[id as usize].latest.clone().unwrap();
    let of = |signal: &&tickwire_signals::Signal| signal.stream == id;
    let signals: Vec<_> = bench.signals.iter().filter(of).collect();
    assert_eq!(signals[1].previous, Some(signals[0].offset));
    assert_eq!(latest.offset, signals[1].offset);
    assert_eq!(latest.value, signals[1].value);
    assert_eq!(
        (latest.exchange_time, latest.receive_time),
        (after(60), after(20))
    );
}

#[test]
fn a_correction_is_in_the_shares_of_now() {
    let mut bench = closed_minute();
    bench.fold(&Event::Reference(ReferenceChange::Split {
        instrument: key(NIFTY),
        ratio: 2.0,
        at: after(60),
        warm_up: Vec::new(),
    }));
    bench.fold(&sized(20, 90.0, 1.0));
    let (_, bar) = told(&bench, ONE)[1];
    assert_eq!(content(&bar), (50.0, 51.0, 45.0, 51.0, Some(8.0), 3));
    let stored = bench.stored(&key(NIFTY), Timeframe::MINUTE);
    assert_eq!(
        content(&stored[0]),
        (100.0, 102.0, 90.0, 102.0, Some(4.0), 3),
        "as traded"
    );
}

#[test]
fn a_segment_stores_a_bar_once() {
    let mut bench = Bench::with(&[instrument(NIFTY)]);
    let mut fold = Fold::new(9);
    for (seconds, price) in [(10, 100.0), (63, 101.0), (20, 99.0), (30, 98.0)] {
        let tick = tick(NIFTY, after(seconds), price);
        bench.engine.fold(&Event::Tick(tick), &mut fold).unwrap();
    }
    let lows: Vec<_> = fold.bars.iter().map(|ClosedBar { bar, .. }| bar.low).collect();
    assert_eq!(lows, [98.0]);
}

#[test]
fn what_an_older_engine_wrote_is_folded_as_it_was() {
    let mut bench = closed_minute();
    let before = (bench.signals.len(), bench.bars.len());
    let mut fold = Fold::of(9, 4);
    for event in [sized(20, 95.0, 1.0), sized(70, 101.0, 1.0), sized(65, 99.0, 1.0)] {
        assert_eq!(bench.engine.fold(&event, &mut fold), Ok(Folded::Changed));
    }
    assert_eq!((fold.signals.len(), fold.bars.len()), (0, 0));
    assert_eq!((bench.signals.len(), bench.bars.len()), before);
    assert_eq!(bench.engine.counters().late, 1);
    let clock = Event::Clock(after(120));
    bench.engine.fold(&clock, &mut fold).unwrap();
    assert_eq!(fold.bars[0].bar.close, 99.0, "in the order in which they came");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whoever asks for bars later gets those that others get, and at any time longer bars
    /// are the join of the minutes that are stored.
    #[test]
    fn bars_asked_for_later_are_the_same(
        ticks in prop::collection::vec((0i64..40, 0i64..75, 5_000u32..15_000, 0u32..50), 2..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let key = key(BTC);
        let streams = ["1m", "2m", "5m", "1h"].map(|timeframe| format!("public:{BTC}:{timeframe}:bars"));
        let (mut early, mut late) = (Bench::with(&[instrument(BTC)]), Bench::with(&[instrument(BTC)]));
        for stream in &streams {
            early.fold(&add(stream));
        }
        let (mut seconds, mut since) = (0, None);
        let start = at("2024-07-05T00:00:00Z");
        let cut = cut.index(ticks.len());
        let calendar = early.engine.calendar(&key).unwrap();
        for (place, (gap, behind, cents, size)) in ticks.into_iter().enumerate() {
            if place == cut {
                since = late.engine.watermark();
                let until = since.unwrap_or(UnixNanos(i64::MIN));
                let minutes = late.stored(&key, Timeframe::MINUTE);
                for text in &streams {
                    let timeframe = stream(text).stream.timeframe;
                    let warm_up = match since {
                        None => WarmUp::default(),
                        Some(_) => coarsen(&minutes, timeframe, calendar, until, late.engine.unsettled(&key)),
                    };
                    late.fold(&add_with(text, warm_up));
                }
            }
            seconds += gap;
            let tick = Tick {
                size: Some(f64::from(size) / 10.0),
                ..tick(BTC, start.saturating_add((seconds - behind).max(0) * SECOND), f64::from(cents) / 100.0)
            };
            for bench in [&mut early, &mut late] {
                bench.fold(&Event::Tick(tick.clone()));
            }
            let closed = early.engine.watermark().unwrap();
            let minutes = early.stored(&key, Timeframe::MINUTE);
            for text in &streams[1..] {
                let joined = coarsen(&minutes, stream(text).stream.timeframe, calendar, closed, None).closed;
                prop_assert_eq!(early.bars_of(text), joined, "{}", text);
            }
        }
        prop_assert_eq!(&early.bars, &late.bars);
        for text in &streams {
            let of_then = |bars: Vec<(bool, Bar)>| -> Vec<(bool, Bar)> {
                bars.into_iter().filter(|(_, bar)| since.is_none_or(|since| bar.end > since)).collect()
            };
            prop_assert_eq!(of_then(told(&early, text)), of_then(told(&late, text)), "{}", text);
        }
    }
}

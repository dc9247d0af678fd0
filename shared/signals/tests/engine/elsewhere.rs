//! Expressions that read longer bars and other instruments.

use tickwire_market::{Bar, Calendar, Timeframe, UnixNanos};
use tickwire_signals::{
    Absence, Event, Folded, HELD_BARS_PER_USER_MAX, PlanChange, Refusal, Seed, Value, WarmUp, coarsen,
};

use crate::bench::*;

const BTC: &str = "BINANCE@BTCUSDT@SPOT";
const ETH: &str = "BINANCE@ETHUSDT@SPOT";
const COLD: Value = Value::Absent(Absence::Cold);

fn start() -> UnixNanos {
    at("2024-07-05T00:00:00Z")
}

fn common(instrument: &str, timeframe: &str, expression: &str) -> String {
    format!("common:{instrument}:{timeframe}:{expression}")
}

/// A tick of each instrument a minute; prices count up from these.
fn minutes(bench: &mut Bench, from: i64, count: i64, prices: &[(&str, f64)]) {
    for minute in from..from + count {
        for (instrument, price) in prices {
            let time = start().saturating_add(minute * MINUTE + SECOND);
            bench.tick(instrument, time, price + minute as f64);
        }
    }
    bench.clock(start().saturating_add((from + count) * MINUTE));
}

fn numbers(values: &[Value]) -> Vec<Option<f64>> {
    values
        .iter()
        .map(|value| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        })
        .collect()
}

#[test]
fn only_closed_bars_of_a_longer_timeframe_are_seen() {
    let (close, mean, fast) = (
        common(BTC, "1m", "close@5m"),
        common(BTC, "1m", "sma(close@5m,3)"),
        common(BTC, "5m", "sma(close,2)@15m"),
    );
    let mut bench = Bench::with(&[instrument(BTC), add(&close), add(&mean), add(&fast)]);
    minutes(&mut bench, 0, 45, &[(BTC, 100.0)]);
    let seen = numbers(&bench.values(&close));
    assert_eq!(seen.len(), 45);
    for (minute, seen) in seen.iter().enumerate() {
        // The bar that ends with this minute is closed with it.
        let closed = (minute + 1) / 5;
        let expected = (closed > 0).then(|| 100.0 + (closed * 5 - 1) as f64);
        assert_eq!(*seen, expected, "minute {minute}");
    }
    assert_eq!(
        numbers(&bench.values(&mean))[8],
        Some((104.0 + 104.0 + 104.0) / 3.0)
    );
    let slow = numbers(&bench.values(&fast));
    assert_eq!(slow[..5], [None; 5]);
    assert_eq!(slow[5..9], [121.5, 121.5, 121.5, 136.5].map(Some));
}

#[test]
fn another_instrument_is_seen_as_of_its_last_closed_bar() {
    let ratio = common(BTC, "1m", "close/close[BINANCE@ETHUSDT@SPOT]");
    let back = common(ETH, "1m", "close/close[BINANCE@BTCUSDT@SPOT]");
    let chain = common(
        BTC,
        "1m",
        "(close/close[BINANCE@BTCUSDT@SPOT])[BINANCE@ETHUSDT@SPOT]",
    );
    let mut bench = Bench::with(&[
        instrument(BTC),
        instrument(ETH),
        add(&ratio),
        add(&back),
        add(&chain),
    ]);
    minutes(&mut bench, 0, 2, &[(BTC, 200.0)]);
    assert_eq!(bench.values(&ratio), [COLD, COLD]);
    // Whichever of the two is told first, both bars of a minute are closed together.
    minutes(&mut bench, 2, 1, &[(ETH, 100.0), (BTC, 200.0)]);
    minutes(&mut bench, 3, 1, &[(BTC, 200.0), (ETH, 100.0)]);
    minutes(&mut bench, 4, 1, &[(BTC, 200.0)]);
    let expected = [202.0 / 102.0, 203.0 / 103.0, 204.0 / 103.0].map(Value::Number);
    assert_eq!(bench.values(&ratio)[2..], expected);
    let expected = [102.0 / 202.0, 103.0 / 203.0].map(Value::Number);
    assert_eq!(bench.values(&back), expected);
    assert_eq!(
        numbers(&bench.values(&chain))[2..4],
        [102.0 / 202.0, 103.0 / 203.0].map(Some)
    );
}

#[test]
fn what_cannot_be_had_is_refused_and_leaves_no_trace() {
    let mut bench = Bench::with(&[instrument(BTC)]);
    let before = export(&bench.engine);
    let mut refused = |stream: &str| bench.try_fold(&add(stream)).unwrap_err();
    let other = refused(&common(BTC, "1m", "close/close[NASDAQ@MSFT@EQ]"));
    assert_eq!(other.code(), "other_group");
    assert_eq!(
        other.to_string(),
        "instrument NASDAQ@MSFT@EQ is not in this group: an expression reaches the instruments of its group only"
    );
    let shorter = refused(&common(BTC, "1h", "close@5m"));
    assert!(matches!(shorter, Refusal::Expression(_)), "{shorter}");
    assert_eq!(before, export(&bench.engine));
}

#[test]
fn a_removed_stream_leaves_what_others_read() {
    let (one, two) = (
        common(BTC, "1m", "sma(close[BINANCE@ETHUSDT@SPOT]@15m,2)"),
        common(BTC, "1m", "close[BINANCE@ETHUSDT@SPOT]@15m"),
    );
    let known = [instrument(BTC), instrument(ETH)];
    let mut bench = Bench::with(&known);
    bench.fold(&add(&one));
    bench.fold(&add(&two));
    minutes(&mut bench, 0, 20, &[(BTC, 1.0), (ETH, 2.0)]);
    bench.fold(&remove(&one));
    bench.restart();
    minutes(&mut bench, 20, 20, &[(BTC, 1.0), (ETH, 2.0)]);
    assert_eq!(numbers(&bench.values(&two)).last(), Some(&Some(31.0)));
    bench.fold(&remove(&two));
    assert!(bench.engine.settling(&key(ETH)).is_empty());
    // Nothing of the bars that nobody reads is kept.
    let fresh = {
        let mut bench = Bench::with(&known);
        minutes(&mut bench, 0, 20, &[(BTC, 1.0), (ETH, 2.0)]);
        minutes(&mut bench, 20, 20, &[(BTC, 1.0), (ETH, 2.0)]);
        bench.engine.export_cell(1)
    };
    assert_eq!(bench.engine.export_cell(1), fresh);
}

/// Bars of the minutes that [`minutes`] makes.
fn stored(count: i64, price: f64) -> Vec<Bar> {
    (0..count)
        .map(|minute| {
            let start = start().saturating_add(minute * MINUTE);
            let price = price + minute as f64;
            Bar {
                start,
                end: start.saturating_add(MINUTE),
                open: price,
                high: price,
                low: price,
                close: price,
                volume: None,
                open_interest: None,
                ticks: 1,
            }
        })
        .collect()
}

#[test]
fn a_stream_added_live_is_seeded_from_the_bars_of_all_places() {
    let expression = "sma(close/sma(close,3)[BINANCE@ETHUSDT@SPOT]@15m,20)+sma(close,4)@5m";
    let stream = common(BTC, "1m", expression);
    let prices = [(BTC, 100.0), (ETH, 50.0)];
    let mut early = Bench::with(&[instrument(BTC), instrument(ETH), add(&stream)]);
    let mut late = Bench::with(&[instrument(BTC), instrument(ETH)]);
    let passed = 123;
    for bench in [&mut early, &mut late] {
        minutes(bench, 0, passed, &prices);
    }
    let seed = |name: &str, timeframe: &str| {
        let price = prices.iter().find(|(of, _)| *of == name).unwrap().1;
        let until = start().saturating_add(passed * MINUTE);
        let timeframe: Timeframe = timeframe.parse().unwrap();
        let unsettled = late.engine.unsettled(&key(name));
        let bars = stored(passed, price);
        let warm_up = coarsen(&bars, timeframe, Calendar::Crypto, until, unsettled);
        Seed {
            instrument: key(name),
            timeframe,
            warm_up,
        }
    };
    let change = PlanChange::AddSeeded {
        stream: tickwire_streams::StreamKey::clone(&crate::bench::stream(&stream)),
        seeds: vec![seed(BTC, "1m"), seed(ETH, "15m"), seed(BTC, "5m")],
    };
    assert_eq!(late.fold(&Event::Plan(change)), Folded::Changed);
    let before = early.values(&stream).len();
    for bench in [&mut early, &mut late] {
        minutes(bench, passed, 60, &prices);
    }
    assert_eq!(early.values(&stream)[before..], late.values(&stream));
    assert!(matches!(late.values(&stream)[0], Value::Number(_)));
}

#[test]
fn a_split_of_another_instrument_starts_what_reads_it_anew() {
    let stream = common(BTC, "1m", "sma(close/close[BINANCE@ETHUSDT@SPOT],3)");
    let mut bench = Bench::with(&[instrument(BTC), instrument(ETH), add(&stream)]);
    minutes(&mut bench, 0, 5, &[(BTC, 100.0), (ETH, 50.0)]);
    let split = tickwire_signals::ReferenceChange::Split {
        instrument: key(ETH),
        ratio: 2.0,
        at: start().saturating_add(5 * MINUTE),
        warm_up: vec![(
            Timeframe::MINUTE,
            WarmUp {
                closed: stored(5, 50.0),
                forming: None,
            },
        )],
    };
    bench.fold(&Event::Reference(split));
    minutes(&mut bench, 5, 4, &[(BTC, 100.0), (ETH, 20.0)]);
    let values = bench.values(&stream);
    assert_eq!(values[5..7], [COLD, COLD]);
    let ratio = |minute: f64| (100.0 + minute) / (20.0 + minute);
    let Value::Number(mean) = values[7] else {
        panic!("{values:?}")
    };
    assert!((mean - (ratio(5.0) + ratio(6.0) + ratio(7.0)) / 3.0).abs() < 1e-12);
}

#[test]
fn a_user_has_so_much_and_no_more() {
    let personal = |user: &str, at: usize| {
        let period = 10_000 - at;
        format!(
            "personal/{user}:{BTC}:1m:sma(close,{period})+sma(open,{period})+sma(high,{period})+sma(low,{period})"
        )
    };
    let mut bench = Bench::with(&[instrument(BTC)]);
    let mut added = 0;
    let refusal = loop {
        match bench.try_fold(&add(&personal("u1", added))) {
            Ok(_) => added += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.code(), "user_full");
    assert_eq!(added, HELD_BARS_PER_USER_MAX / 40_000);
    bench.fold(&add(&personal("u2", added)));
    bench.fold(&remove(&personal("u1", 0)));
    bench.fold(&add(&personal("u1", added)));
}

//! Streams seeded from stored bars, and splits, through the whole path.

use tickwire_service::testing::Store;
use tickwire_signals::{ReferenceChange, SignalValue, Value};

use crate::bench::*;

/// Minutes of ticks, some without any, from minute `from` on.
fn minutes(range: std::ops::Range<i64>) -> Vec<tickwire_market::Tick> {
    range
        .filter(|minute| minute % 7 != 3)
        .flat_map(|minute| {
            let price = 100.0 + ((minute * 37) % 90) as f64 / 8.0;
            [
                tick(BTC, minute * 60 + 5, price),
                tick(ETH, minute * 60 + 20, price * 2.0),
                tick(BTC, minute * 60 + 50, price + 0.3),
            ]
        })
        .collect()
}

#[test]
fn a_stream_added_later_is_as_one_that_was_there() {
    let streams = [
        "public:BINANCE@BTCUSDT@SPOT:5m:bars",
        "public:BINANCE@BTCUSDT@SPOT:1h:bars",
        "common:BINANCE@BTCUSDT@SPOT:1m:sma(close,20)",
        "common:BINANCE@BTCUSDT@SPOT:5m:rsi(close,4)",
        "common:BINANCE@BTCUSDT@SPOT:15m:macd(close,2,3,2)",
        "common:BINANCE@BTCUSDT@SPOT:1m:vwap_session()",
        "common:BINANCE@BTCUSDT@SPOT:1h:atr(2)",
        "common:BINANCE@ETHUSDT@SPOT:5m:close>ema(close,5)",
        // What reads more than its own bars.
        "common:BINANCE@BTCUSDT@SPOT:1m:sma(close@5m,7)",
        "common:BINANCE@BTCUSDT@SPOT:5m:sma(close/close[BINANCE@ETHUSDT@SPOT],4)",
        "common:BINANCE@BTCUSDT@SPOT:1m:close-sma(close,3)[BINANCE@ETHUSDT@SPOT]@15m",
        "common:BINANCE@ETHUSDT@SPOT:1m:crosses_above(close,shift(close@5m,3))",
    ];
    // Where in the minute, and in the five, the plan changes.
    for cut in [300, 301, 302, 304] {
        let [from_start, later] = [true, false].map(|from_start| {
            let store = Store::new(START);
            let ingest = ingest(&store.process());
            take(&ingest, vec![instruments(&[BTC, ETH])]);
            if from_start {
                take(&ingest, vec![plan(&streams, &[])]);
            }
            let (first, second) = (minutes(0..cut), minutes(cut..cut + 200));
            let mut seq = 0;
            for ticks in first.chunks(50) {
                take(&ingest, vec![ticks_of("feed-a", 1, seq, ticks)]);
                seq += ticks.len() as u64;
            }
            // In one batch with ticks: what closes just before belongs to the history.
            let next = ticks_of("feed-a", 1, seq, &second);
            take(&ingest, vec![plan(&streams, &[]), next]);
            check_promises(&store);
            store
        });
        let of = |store: &Store| {
            let (state, signals, _) = fold_log(store);
            values(&state, &signals)
        };
        let (from_start, later) = (of(&from_start), of(&later));
        for stream in streams {
            let (all, seeded) = (&from_start[stream], &later[stream]);
            assert!(
                seeded.len() > 2 && all.len() > seeded.len(),
                "{stream}: {} of {}",
                seeded.len(),
                all.len()
            );
            assert_eq!(
                all[all.len() - seeded.len()..],
                seeded[..],
                "{stream} from minute {cut} on"
            );
            assert!(!seeded[0].contains("Cold"), "{stream}: {}", seeded[0]);
        }
    }
}

#[test]
fn after_a_split_the_history_is_in_new_shares() {
    let (sma, bars) = (
        "common:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)",
        "public:BINANCE@BTCUSDT@SPOT:1m:bars",
    );
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, vec![instruments(&[BTC, ETH]), plan(&[sma, bars], &[])]);
    let old: Vec<_> = [100.0, 104.0, 108.0]
        .iter()
        .zip(0..)
        .map(|(price, n)| tick(BTC, n * 60, *price))
        .collect();
    take(&ingest, vec![ticks_of("feed-a", 1, 0, &old)]);
    let split = ReferenceChange::Split {
        instrument: key(BTC),
        ratio: 2.0,
        at: after(180),
        warm_up: Vec::new(),
    };
    let new: Vec<_> = [55.0, 56.0, 57.0]
        .iter()
        .zip(3..)
        .map(|(price, n)| tick(BTC, n * 60, *price))
        .collect();
    // The split comes while the last old minute is open, and comes twice.
    let split = references(&[split]);
    take(
        &ingest,
        vec![split.clone(), ticks_of("feed-a", 1, 3, &new), split.clone()],
    );
    take(
        &ingest,
        vec![split, ticks_of("feed-a", 1, 6, &[tick(BTC, 370, 58.0)])],
    );
    check_promises(&store);
    let (state, signals, stored) = fold_log(&store);
    let id = state.engine.stream_id(&stream(sma)).unwrap();
    let values: Vec<Value> = signals
        .iter()
        .filter(|signal| signal.stream == id)
        .map(|signal| match &signal.value {
            SignalValue::Values(values) => values[0],
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (50.0 + 52.0 + 54.0) / 3.0,
        (52.0 + 54.0 + 55.0) / 3.0,
        (54.0 + 55.0 + 56.0) / 3.0,
    ];
    for (value, expected) in values[2..].iter().zip(expected) {
        let Value::Number(value) = value else {
            panic!("{value:?}")
        };
        assert!((value - expected).abs() < 1e-9, "{values:?}");
    }
    let traded: Vec<f64> = stored
        .iter()
        .filter(|bar| bar.timeframe.as_minutes() == Some(1))
        .map(|bar| bar.bar.close)
        .collect();
    assert_eq!(
        traded,
        [100.0, 104.0, 108.0, 55.0, 56.0, 57.0],
        "stored as traded"
    );
    // A stream added after the split sees the same history.
    let longer = "common:BINANCE@BTCUSDT@SPOT:1m:sma(close,4)";
    take(
        &ingest,
        vec![
            plan(&[longer], &[]),
            ticks_of("feed-a", 1, 7, &[tick(BTC, 430, 59.0)]),
        ],
    );
    check_promises(&store);
    let (state, signals, _) = fold_log(&store);
    let id = state.engine.stream_id(&stream(longer)).unwrap();
    let value = signals.iter().find(|signal| signal.stream == id).unwrap();
    assert_eq!(
        value.value,
        SignalValue::Values(vec![Value::Number((55.0 + 56.0 + 57.0 + 58.0) / 4.0)])
    );
}

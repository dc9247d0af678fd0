//! Explain: every signal of a log, folded again.

use futures_util::FutureExt as _;
use tickwire_service::explain_signal::{ExplainError, ExplainPorts, Explanation, explain};
use tickwire_service::testing::Store;
use tickwire_signals::{SignalValue, Value};
use tickwire_streams::Offset;

use crate::bench::*;

fn ask(store: &std::sync::Arc<Store>, stream_key: &str, offset: Offset) -> Result<Explanation, ExplainError> {
    let process = store.process();
    let ports = ExplainPorts {
        log: process.clone(),
        checkpoints: process,
    };
    explain(&ports, &group(), &stream(stream_key), offset)
        .now_or_never()
        .unwrap()
}

fn store() -> std::sync::Arc<Store> {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let (close, ended) = (
        "common:BINANCE@BTCUSDT@SPOT:7m:close",
        "common:BINANCE@BTCUSDT@SPOT:1m:close",
    );
    take(&ingest, vec![plan(&[ended], &[])]);
    for n in 0..30u64 {
        let minute = n as i64 * 60;
        let ticks = [
            tick(BTC, minute, 100.0 + n as f64 / 3.0),
            tick(ETH, minute + 1, 3.0),
            tick(BTC, minute + 30, 99.9),
        ];
        let mut batch = vec![ticks_of("feed-a", 1, n * 3, &ticks)];
        if n == 9 {
            // Seeded in the middle of a bar, in one segment with what it gives.
            batch.insert(0, plan(&[close], &[]));
        }
        if n == 20 {
            batch.push(plan(&[], &[ended]));
        }
        store.advance(std::time::Duration::from_secs(300));
        take(&ingest, batch);
    }
    store
}

#[test]
fn every_signal_can_be_explained_to_the_bit() {
    let store = store();
    assert!(
        !store.content().manifests.is_empty(),
        "some are explained from a checkpoint"
    );
    let (state, signals, _) = fold_log(&store);
    let mut checkpoints = std::collections::BTreeSet::new();
    for signal in &signals {
        let key = state.engine.streams()[signal.stream as usize].key.to_string();
        let told = ask(&store, &key, signal.offset).unwrap();
        assert!(
            told.bits_equal,
            "{key} {}: {:?} and {:?}",
            signal.offset, told.stored, told.folded
        );
        assert_eq!(told.stored, *signal);
        assert_eq!(told.source, "feed-a");
        checkpoints.insert(told.checkpoint);
        let on_bars = !key.contains(":tick:");
        assert_eq!(told.bar.is_some(), on_bars, "{key} {}", signal.offset);
        if key.ends_with(":close") {
            let SignalValue::Values(values) = &signal.value else {
                panic!("{signal:?}")
            };
            assert_eq!(
                values[0],
                Value::Number(told.bar.unwrap().close),
                "{key} {}",
                signal.offset
            );
        }
        if let Some(bar) = told.bar {
            assert_eq!(bar.end, signal.exchange_time);
        }
    }
    assert!(checkpoints.len() > 1, "{checkpoints:?}");
}

#[test]
fn what_is_no_signal_is_said_to_be_none() {
    let store = store();
    let head = store.content().log[&group()].len() as u64;
    let check = |stream: &str, offset: Offset, expected: &str| {
        let error = ask(&store, stream, offset).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(STREAMS[0], Offset::new(0, 0), "has no segment 0");
    check(
        STREAMS[0],
        Offset::new(head + 1, 0),
        &format!("has no segment {}: its log ends at {head}", head + 1),
    );
    check(STREAMS[0], Offset::new(head, 9_999), "has 6 signals");
    let first = fold_log(&store).1[0].offset;
    check(STREAMS[1], first, &format!("it is one of {}", STREAMS[0]));
    check(
        "public:BINANCE@NOPEUSDT@SPOT:tick:price",
        first,
        "is not a signal of",
    );
}

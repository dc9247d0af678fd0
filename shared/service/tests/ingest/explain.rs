//! Explain: every signal of a log, folded again.

use futures_util::FutureExt as _;
use tickwire_service::explain_signal::{ExplainError, ExplainPorts, Explanation, explain};
use tickwire_service::group::GroupState;
use tickwire_service::replay_log::{Span, Verified, VerifyError, replay};
use tickwire_service::testing::Store;
use tickwire_signals::{Signal, SignalValue, Value};
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
            tick(BTC, minute + 30, 99.9 + n as f64 / 7.0),
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
        !store.content().tables.manifests.is_empty(),
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
    let head = store.content().tables.log[&group()].len() as u64;
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

fn replayed(
    store: &std::sync::Arc<Store>,
    span: Span,
    verify: bool,
) -> Result<(Verified, Vec<Signal>), VerifyError> {
    let process = store.process();
    let ports = ExplainPorts {
        log: process.clone(),
        checkpoints: process,
    };
    let group = group();
    let mut seen = Vec::new();
    let each = |_: &GroupState, signal: &Signal| {
        seen.push(signal.clone());
        Ok(())
    };
    let verified = replay(&ports, &group, span, verify, each)
        .now_or_never()
        .unwrap()?;
    Ok((verified, seen))
}

#[test]
fn any_span_is_replayed_to_the_bit() {
    let store = store();
    let (state, signals, _) = fold_log(&store);
    let (whole, seen) = replayed(&store, Span::default(), true).unwrap();
    assert_eq!(
        (whole.segments, whole.signals),
        (state.segment, signals.len() as u64)
    );
    assert_eq!(seen, signals);
    let mut fewest = whole.segments;
    for minute in [-5, 0, 7, 20, 29, 60] {
        for minutes in [0, 1, 5, 100] {
            let span = Span {
                from: Some(after(minute * 60)),
                to: Some(after((minute + minutes) * 60)),
            };
            let (verified, seen) = replayed(&store, span, true).unwrap();
            let expected: Vec<Signal> = signals
                .iter()
                .filter(|signal| span.holds(signal.exchange_time))
                .cloned()
                .collect();
            assert_eq!(seen, expected, "{span:?}");
            fewest = fewest.min(verified.segments);
        }
    }
    assert!(
        fewest < 5,
        "it begins at a checkpoint and ends behind the span: {fewest}"
    );
}

#[test]
fn a_bit_that_changed_is_found() {
    let store = store();
    let (_, signals, _) = fold_log(&store);
    // One that is no short decimal number: those are stored in another way.
    let long = |signal: &Signal| match &signal.value {
        SignalValue::Values(values) => match values[0] {
            Value::Number(number) if (number * 1e6).fract() != 0.0 => Some((signal.offset, number)),
            _ => None,
        },
        _ => None,
    };
    let (spoiled, number) = signals.iter().rev().find_map(long).unwrap();
    {
        let mut content = store.content();
        let log = content.tables.log.get_mut(&group()).unwrap();
        let bytes = log.get_mut(&spoiled.segment()).unwrap();
        // The signals come behind the events.
        let at = bytes.windows(8).rposition(|eight| eight == number.to_le_bytes());
        bytes[at.unwrap()] ^= 1;
        let content = bytes.len() - 4;
        let checksum = crc32fast::hash(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum.to_le_bytes());
    }
    let outcome = replayed(&store, Span::default(), true).map(|(verified, _)| verified);
    let error = outcome.unwrap_err();
    let VerifyError::Differs { offset, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(offset, spoiled);
    // What is not compared is as it is stored.
    assert!(replayed(&store, Span::default(), false).is_ok());
}

//! What cannot be worked on is put aside, alone; what passes is waited for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tickwire_service::queue_message::QueueMessage;
use tickwire_service::testing::{Fault, SOURCE_THAT_PANICS, Store};

use crate::bench::*;

fn good(seq: u64) -> QueueMessage {
    ticks_of("feed-a", 1, seq, &[tick(BTC, 1 + seq as i64, 100.0)])
}

fn received(count: u32, message: QueueMessage) -> QueueMessage {
    QueueMessage {
        receive_count: count,
        ..message
    }
}

/// Id and reason of what was parked.
fn parked(store: &Store) -> Vec<(String, String)> {
    store
        .content()
        .parked
        .iter()
        .map(|parked| (parked.message_id.clone(), parked.reason.clone()))
        .collect()
}

#[test]
fn a_message_that_cannot_be_read_is_parked_once_with_its_reason() {
    let spoil = |from: &str, to: &str| {
        let body = good(1).body;
        assert!(body.contains(from), "{body}");
        body.replacen(from, to, 1)
    };
    let check = |body: String, reason: &str| {
        let store = Store::new(START);
        let process = store.process();
        let ingest = ingest(&process);
        take(&ingest, setup());
        let batch = || vec![good(0), message("bad", body.clone()), good(1)];
        // While nothing can be committed nothing is parked.
        process.set_script(|call| (call.what == "append").then_some(Fault::Before));
        assert_eq!(run(&ingest, batch()), ["feed-a-1-0", "bad", "feed-a-1-1"]);
        assert_eq!(parked(&store), []);
        process.set_script(|_| None);
        take(&ingest, batch());
        assert_eq!(parked(&store), [("bad".to_owned(), reason.to_owned())]);
        assert_eq!(store.content().parked[0].body, body);
        assert!(!store.content().parked[0].detail.is_empty());
        assert_eq!(logged(&store, &["feed-a"]).len(), 2, "{reason}: the others go on");
        check_promises(&store);
    };
    check("{".into(), "message_malformed");
    check(String::new(), "message_malformed");
    check(spoil("\"seq\":1", "\"seq\":-1"), "message_malformed");
    check(spoil("\"v\":1", "\"v\":2"), "message_version_unknown");
    check(spoil("live/BINANCE.0", "live/BINANCE.1"), "group_mismatch");
    check(spoil("live/BINANCE.0", "sim-x/BINANCE.0"), "group_mismatch");
    check(spoil("feed-a", "feed a"), "message_source_invalid");
    check(spoil("\"ticks\"", "\"tocks\""), "message_malformed");
    check(
        spoil(",\"ticks\"", ",\"clock\":5,\"ticks\""),
        "message_kind_unclear",
    );
    check(
        spoil("\"seq\":1", "\"seq\":9007199254740992"),
        "message_sequence_invalid",
    );
}

#[test]
fn a_group_that_is_none_is_parked_whole() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    let stray = |id: &str| QueueMessage {
        group: "nowhere".into(),
        ..message(id, "{}".into())
    };
    take(&ingest, vec![stray("a"), good(0), stray("b")]);
    let reason = "group_malformed".to_owned();
    assert_eq!(
        parked(&store),
        [("a".to_owned(), reason.clone()), ("b".to_owned(), reason)]
    );
}

#[test]
fn when_parking_fails_the_message_comes_back_and_what_is_before_it_does_not() {
    let store = Store::new(START);
    let process = store.process_with(|call| (call.what == "park").then_some(Fault::Before));
    let ingest = ingest(&process);
    take(&ingest, setup());
    let batch = || vec![good(0), message("bad", "{".into()), good(1)];
    assert_eq!(run(&ingest, batch()), ["bad", "feed-a-1-1"]);
    process.set_script(|_| None);
    take(&ingest, batch()[1..].to_vec());
    assert_eq!(parked(&store).len(), 1);
    assert_eq!(logged(&store, &["feed-a"]).len(), 2);
    check_promises(&store);
}

#[test]
fn a_bad_event_does_not_spoil_its_message() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let mut ticks = vec![
        tick(BTC, 1, 1.0),
        tick(BTC, 2, 2.0),
        tick(BTC, 3, 3.0),
        tick("BINANCE@XRPUSDT@SPOT", 4, 4.0),
    ];
    ticks[1].price = -2.0;
    let message = ticks_of("feed-a", 1, 0, &ticks);
    let message = QueueMessage {
        body: message.body.replacen("\"p\":3.0", "\"p\":\"3\"", 1),
        ..message
    };
    for _ in 0..2 {
        take(&ingest, vec![message.clone()]);
    }
    let aside: Vec<(u64, String)> = {
        let content = store.content();
        let segments = content.segments(&group());
        segments
            .iter()
            .flat_map(|(_, segment)| segment.set_aside.iter().map(|row| (row.seq, row.code.clone())))
            .collect()
    };
    let codes = ["price_not_positive", "malformed", "unknown_instrument"];
    assert_eq!(
        aside,
        (1..4).zip(codes.map(str::to_owned)).collect::<Vec<_>>(),
        "once, though it came twice"
    );
    assert_eq!(logged(&store, &["feed-a"]).len(), 1);
    assert_eq!(fold_log(&store).0.set_aside, 3);
    assert_eq!(ingest.stats().duplicate.load(Ordering::Relaxed), 4);
    check_promises(&store);
}

#[test]
fn a_message_that_kills_the_process_is_parked_alone() {
    let store = Store::new(START);
    take(&ingest(&store.process()), setup());
    // It dies each time while this message is folded alone.
    for count in [3, 4, 5, 6] {
        let ingest = ingest(&store.process_with(|call| (call.what == "append").then_some(Fault::DieBefore)));
        assert_eq!(
            try_run(&ingest, vec![received(count, good(0)), received(count, good(1))]),
            None
        );
        assert_eq!(parked(&store), []);
    }
    let ingest = ingest(&store.process());
    take(&ingest, vec![received(7, good(0)), received(7, good(1)), good(2)]);
    assert_eq!(
        parked(&store),
        [("feed-a-1-0".to_owned(), "kills_the_consumer".to_owned())]
    );
    assert_eq!(
        logged(&store, &["feed-a"]),
        [1, 2].map(|seq| ("feed-a".to_owned(), 1, seq)),
        "the others are taken"
    );
    assert!(store.content().tables.attempts.is_empty());
    check_promises(&store);
}

#[test]
fn an_outage_however_long_parks_nothing() {
    let store = Store::new(START);
    let process = store.process();
    let ingest = ingest(&process);
    take(&ingest, setup());
    for (what, fault) in [
        ("append", Fault::Before),
        ("append", Fault::Throttle),
        ("read", Fault::Before),
        ("begin_attempt", Fault::Before),
        ("begin_attempt", Fault::After),
        ("end_attempt", Fault::Before),
        ("send", Fault::Before),
        ("group", Fault::Throttle),
        ("postpone", Fault::Before),
    ] {
        for count in 1..20 {
            process.set_script(move |call| {
                let also = what == "postpone" && call.what == "append";
                if call.what == what || also {
                    Some(fault)
                } else {
                    None
                }
            });
            run(&ingest, vec![received(count, good(0)), received(count, good(1))]);
        }
        process.set_script(|_| None);
    }
    take(&ingest, vec![received(200, good(0)), received(200, good(1))]);
    assert_eq!(logged(&store, &["feed-a"]).len(), 2);
    let content = store.content();
    assert_eq!(content.parked, []);
    let delays: Vec<Duration> = content.postponed.iter().map(|(_, delay)| *delay).collect();
    assert!(
        delays.iter().all(|delay| (1..=8).contains(&delay.as_secs())),
        "{delays:?}"
    );
    drop(content);
    check_promises(&store);
}

#[test]
fn a_panic_takes_nobody_with_it() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let bad = || ticks_of(SOURCE_THAT_PANICS, 1, 0, &[tick(BTC, 1, 100.0)]);
    let batch = |count| {
        vec![
            received(count, good(0)),
            received(count, bad()),
            received(count, good(1)),
        ]
    };
    for count in [1, 2] {
        assert_eq!(run(&ingest, batch(count)).len(), 3);
    }
    take(&ingest, batch(3));
    assert_eq!(parked(&store), [(bad().id, "panic".to_owned())]);
    assert_eq!(logged(&store, &["feed-a"]).len(), 2);
    check_promises(&store);
}

#[test]
fn epochs_supersede() {
    let store = Store::new(START);
    let ingest = ingest(&store.process());
    take(&ingest, setup());
    let at = |epoch, seq, seconds| ticks_of("feed-a", epoch, seq, &[tick(BTC, seconds, 100.0)]);
    take(
        &ingest,
        vec![
            at(7, 0, 1),
            at(7, 1, 2),
            at(8, 0, 3),
            at(7, 2, 4),
            at(8, 1, 5),
            at(8, 0, 3),
        ],
    );
    let expected = [(7, 0), (7, 1), (8, 0), (8, 1)].map(|(epoch, seq)| ("feed-a".to_owned(), epoch, seq));
    assert_eq!(logged(&store, &["feed-a"]), expected);
    let stats = ingest.stats();
    assert_eq!(stats.accepted.load(Ordering::Relaxed), 4);
    assert_eq!(stats.old_epoch.load(Ordering::Relaxed), 1);
    assert_eq!(stats.duplicate.load(Ordering::Relaxed), 1);
    check_promises(&store);
}

#[test]
fn a_redriven_message_fills_its_hole_and_no_more() {
    let store = Store::new(START);
    take(&ingest(&store.process()), setup());
    let ingest = ingest(&store.process());
    let three = |seq: u64| {
        let ticks: Vec<_> = (0..3).map(|n| tick(BTC, 10 + n, 100.0)).collect();
        ticks_of("feed-a", 1, seq, &ticks)
    };
    // The first of these was parked by hand.
    take(&ingest, vec![three(3), three(6)]);
    assert_eq!(ingest.stats().gaps.load(Ordering::Relaxed), 3);
    take(&ingest, vec![three(2)]);
    take(&ingest, vec![three(0), three(0)]);
    let mut seqs: Vec<u64> = logged(&store, &["feed-a"])
        .into_iter()
        .map(|(_, _, seq)| seq)
        .collect();
    assert_eq!(seqs[6..], [2, 0, 1], "in order of arrival");
    seqs.sort_unstable();
    assert_eq!(seqs, (0..9).collect::<Vec<_>>());
    let (state, ..) = fold_log(&store);
    assert_eq!(state.sources["feed-a"].position.holes, []);
    check_promises(&store);
}

//! Replays the sample events, and what comes of publications over twins of all ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its case must fail"
)]

mod short;

use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;

use aws_lambda_events::event::sqs::SqsEvent;
use serde_json::{Value, json};
use tickwire_deliver::handle;
use tickwire_entitlements::Tier;
use tickwire_market::{InstrumentKey, Timeframe};
use tickwire_service::ports::{Connections as _, Subscribed, Subscription};
use tickwire_service::queue_message::QueueMessage;
use tickwire_service::testing::{Fault, by_turns};
use tickwire_service::testing_sockets::{House, PRICED, Post};
use tickwire_streams::{GroupKey, PostQuota, StreamKey, frame_bytes_max};
use tickwire_wire::{DataFrame, Publication};

const BTC: &str = "public:BINANCE@BTCUSDT@SPOT:tick:price";
const SMA: &str = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,2)";
const NIFTY: &str = "NSE@NIFTY@IDX";
const NIFTY_PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

fn run<T>(future: impl Future<Output = T>) -> T {
    // A budget that runs out takes turns; nothing else waits.
    let future: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(future);
    by_turns(vec![future], |_| 0, 100_000).remove(0).expect("it ends")
}

fn instrument(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

fn house() -> House {
    house_within(None)
}

fn house_within(quota: Option<PostQuota>) -> House {
    let house = House::within(quota);
    let known = [(PRICED, vec![BTC, SMA]), (NIFTY, vec![NIFTY_PRICE])];
    for (name, streams) in known {
        let bars = StreamKey::bars(instrument(name), Timeframe::MINUTE);
        let streams: Vec<StreamKey> = streams
            .into_iter()
            .map(|key| key.parse().unwrap())
            .chain([bars])
            .collect();
        run(house.know(&instrument(name), &streams)).unwrap();
    }
    house
}

fn group(house: &House) -> GroupKey {
    house.group_of(&instrument(PRICED))
}

/// Registers a connection, as subscribing does.
fn register(house: &House, connection: &str, wants: &[(&str, u32, bool)]) {
    register_as(house, connection, Tier::Enterprise, wants);
}

fn register_as(house: &House, connection: &str, tier: Tier, wants: &[(&str, u32, bool)]) {
    run(house.connect(connection, tier));
    let subscriptions: Vec<Subscription> = wants
        .iter()
        .map(|(key, s, last)| Subscription {
            key: (*key).to_owned(),
            s: *s,
            last: *last,
        })
        .collect();
    let row = house.sockets.content().connections[connection].clone();
    let was = row.request_id;
    let row = tickwire_service::ports::ConnectionRow {
        request_id: was + 1,
        subscriptions: subscriptions.clone(),
        ..row
    };
    let subscribed = [PRICED, NIFTY].map(|name| {
        let of_group = |subscription: &&Subscription| subscription.key.contains(name);
        Subscribed {
            group: house.group_of(&instrument(name)),
            shard: 0,
            subscriptions: subscriptions.iter().filter(of_group).cloned().collect(),
        }
    });
    assert!(run(house.sockets.update(&row, was, &subscribed)).unwrap());
    let _ = house.sockets.take_frames(connection);
}

fn tick(house: &House, name: &str, price: f64) {
    run(house.tick(&instrument(name), price)).unwrap();
    run(house.fold());
}

fn items(house: &House, connection: &str) -> Vec<DataFrame> {
    let frames = house.sockets.take_frames(connection);
    frames
        .iter()
        .flat_map(|frame| serde_json::from_str::<Vec<DataFrame>>(frame).unwrap())
        .collect()
}

fn sample(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An event as the queue gives it.
fn event(messages: &[QueueMessage]) -> SqsEvent {
    let record = |message: &QueueMessage| {
        let mut record = sample("deliver")["Records"][0].clone();
        record["messageId"] = message.id.clone().into();
        record["receiptHandle"] = message.receipt.clone().into();
        record["body"] = message.body.clone().into();
        record["attributes"]["MessageGroupId"] = message.group.clone().into();
        record["attributes"]["ApproximateReceiveCount"] = message.receive_count.to_string().into();
        record
    };
    let records: Vec<Value> = messages.iter().map(record).collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}

/// Ids of what is to come back.
fn failures(house: &House, messages: &[QueueMessage]) -> Vec<String> {
    let response = run(is_send(handle(&house.deliver, event(messages))));
    response
        .batch_item_failures
        .into_iter()
        .map(|failure| failure.item_identifier)
        .collect()
}

fn ids(messages: &[QueueMessage]) -> Vec<String> {
    messages.iter().map(|message| message.id.clone()).collect()
}

/// A runtime of several threads may run it.
fn is_send<T: Send>(future: T) -> T {
    future
}

const NONE: Vec<String> = Vec::new();

#[test]
fn a_sample_event_is_delivered() {
    let house = house();
    register(&house, "c1", &[(BTC, 3, false)]);
    tick(&house, PRICED, 24_000.5);
    let publications = house.publications();
    let mut sample = sample("deliver");
    sample["Records"][0]["body"] = publications[0].body.clone().into();
    let response = run(handle(&house.deliver, serde_json::from_value(sample).unwrap()));
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        json!({"batchItemFailures": []})
    );
    let frames = house.sockets.take_frames("c1");
    assert_eq!(frames.len(), 1);
    let frame: Value = serde_json::from_str(&frames[0]).unwrap();
    let expected = json!([{
        "s": 3, "k": "signal", "o": frame[0]["o"], "prev": null, "t": 1_795_000_001_000_000_000_i64,
        "r": 1_795_000_001_000_000_000_i64, "i": 1_795_000_000_000_000_000_i64, "src": "feed", "d": {"price": 24_000.5},
    }]);
    assert_eq!(frame, expected);
}

#[test]
fn poison_is_parked_and_the_group_goes_on() {
    let house = house();
    register(&house, "c1", &[(BTC, 1, false)]);
    assert_eq!(
        serde_json::to_value(run(handle(
            &house.deliver,
            serde_json::from_value(sample("deliver-poison")).unwrap()
        )))
        .unwrap(),
        json!({"batchItemFailures": []})
    );
    assert_eq!(house.store.content().parked.len(), 1);

    tick(&house, PRICED, 1.0);
    tick(&house, PRICED, 2.0);
    let mut messages = house.publications();
    let poison = QueueMessage {
        id: "poison".into(),
        body: "AAAA".into(),
        ..messages[0].clone()
    };
    messages.insert(1, poison);
    assert_eq!(failures(&house, &messages), NONE);
    assert_eq!(items(&house, "c1").len(), 2);
    let parked = house.store.content().parked[1].clone();
    assert_eq!(
        (parked.message_id.as_str(), parked.reason.as_str()),
        ("poison", "publication_malformed")
    );
    assert_eq!(parked.body, "AAAA");

    // What cannot be parked comes back, with all that follows it in its group.
    tick(&house, PRICED, 3.0);
    tick(&house, PRICED, 4.0);
    let mut messages = house.publications();
    messages[0].body = "!".into();
    house
        .process
        .set_script(|call| (call.what == "park").then_some(Fault::Before));
    assert_eq!(failures(&house, &messages), ids(&messages));
}

#[test]
fn a_newer_build_s_publication_waits() {
    let house = house();
    tick(&house, PRICED, 1.0);
    let mut messages = house.publications();
    let publication = Publication::from_text(&messages[0].body).unwrap();
    let mut bytes = tickwire_wire::encode(&publication).unwrap();
    bytes[0] = 200;
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]).to_le_bytes();
    bytes[end..].copy_from_slice(&checksum);
    messages[0].body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, bytes);
    assert_eq!(failures(&house, &messages), ids(&messages));
    assert_eq!(house.store.content().parked.len(), 0);
}

#[test]
fn only_passing_faults_fail_and_only_their_group() {
    let house = house();
    register(&house, "c1", &[(BTC, 1, false), (NIFTY_PRICE, 2, false)]);
    for price in [1.0, 2.0] {
        tick(&house, PRICED, price);
        tick(&house, NIFTY, price);
    }
    let messages: Vec<_> = house
        .publications()
        .into_iter()
        .map(|m| QueueMessage {
            receive_count: 2,
            ..m
        })
        .collect();
    house.sockets.content().down.insert("shard_version");
    assert_eq!(failures(&house, &messages).len(), messages.len());
    let postponed = house.store.content().postponed.clone();
    assert_eq!(postponed.len(), messages.len());
    assert!(
        postponed.iter().all(|(_, delay)| delay.as_secs() == 2),
        "{postponed:?}"
    );
    assert_eq!(items(&house, "c1").len(), 0);
    house.sockets.content().down.clear();

    // The plan of one group cannot be read: the other's messages are done.
    let of_btc = group(&house);
    house.store.content().tables.plans.get_mut(&of_btc).unwrap().1 = vec![1, 2, 3];
    let failed = failures(&house, &messages);
    let expected: Vec<_> = messages
        .iter()
        .filter(|message| message.group.starts_with(of_btc.as_str()))
        .cloned()
        .collect();
    assert_eq!(failed, ids(&expected));
    let items = items(&house, "c1");
    assert_eq!(items.iter().map(|item| item.s).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn the_version_of_the_shard_is_looked_at_every_time() {
    let house = house();
    register(&house, "c1", &[(BTC, 1, false)]);
    tick(&house, PRICED, 1.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    register(&house, "c2", &[(BTC, 9, false)]);
    tick(&house, PRICED, 2.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!((items(&house, "c1").len(), items(&house, "c2").len()), (2, 1));
    let reads = |house: &House| {
        let calls = &house.sockets.content().calls;
        (calls["subscribers"], calls["subscribers_of"])
    };
    assert_eq!(reads(&house), (1, 1), "all at first, then the one who came");
    tick(&house, PRICED, 3.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(reads(&house), (1, 1), "nothing changed, nothing is read");
    // It unsubscribes.
    run(house.sockets.close("c2", &[(group(&house), 0)])).unwrap();
    let _ = items(&house, "c2");
    tick(&house, PRICED, 4.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(items(&house, "c2").len(), 0);
    assert_eq!(reads(&house), (1, 2));
}

#[test]
fn subscribers_that_changed_are_read_and_all_when_it_is_not_known_who() {
    let house = house();
    let version = || {
        let content = house.sockets.content();
        content.versions[&(group(&house), 0)].clone()
    };
    let sends = |price: f64, expected: &[(&str, &[u32])]| {
        tick(&house, PRICED, price);
        assert_eq!(failures(&house, &house.publications()), NONE);
        for (connection, handles) in expected {
            let handled: Vec<u32> = items(&house, connection).iter().map(|item| item.s).collect();
            assert_eq!(&handled, handles, "{connection} at {price}");
        }
        let calls = &house.sockets.content().calls;
        (calls["subscribers"], calls.get("subscribers_of").copied())
    };
    register(&house, "c1", &[(BTC, 1, false)]);
    register(&house, "c2", &[(BTC, 2, false)]);
    assert_eq!(sends(1.0, &[("c1", &[1]), ("c2", &[2])]), (1, None));
    // One goes, one comes, one changes.
    run(house.sockets.close("c2", &[(group(&house), 0)])).unwrap();
    register(&house, "c3", &[(BTC, 3, false)]);
    register(&house, "c1", &[(BTC, 4, false), (SMA, 5, false)]);
    let expected: &[(&str, &[u32])] = &[("c1", &[4, 5]), ("c2", &[]), ("c3", &[3])];
    assert_eq!(sends(2.0, expected), (1, Some(1)));
    // More than the version names.
    let before = version();
    for n in 0..5 {
        register(&house, &format!("d{n}"), &[(BTC, 9, false)]);
    }
    assert_eq!(version().changed_since(&before), None);
    let all: &[(&str, &[u32])] = &[("c1", &[4, 5]), ("c3", &[3]), ("d0", &[9]), ("d4", &[9])];
    assert_eq!(sends(3.0, all), (2, Some(1)));
    // A build that names nobody wrote one.
    register(&house, "c1", &[(BTC, 6, false)]);
    {
        let mut content = house.sockets.content();
        let version = content.versions.get_mut(&(group(&house), 0)).unwrap();
        version.changes.remove("c1");
        version.unnamed += 1;
    }
    assert_eq!(sends(4.0, &[("c1", &[6]), ("c3", &[3])]), (3, Some(1)));
    // They are all read anew after a restore, whose version is lower.
    house.sockets.content().versions.clear();
    register(&house, "c3", &[(BTC, 7, false)]);
    assert_eq!(sends(5.0, &[("c1", &[6]), ("c3", &[7])]), (4, Some(1)));
}

#[test]
fn a_stream_that_was_added_later_is_found() {
    let house = house();
    let later = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,3)";
    register(&house, "c1", &[(BTC, 1, false), (later, 2, false)]);
    tick(&house, PRICED, 1.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    run(house.know(&instrument(PRICED), &[later.parse().unwrap()])).unwrap();
    tick(&house, PRICED, 2.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(
        items(&house, "c1").iter().map(|item| item.s).collect::<Vec<_>>(),
        [1, 1, 2]
    );

    // The plan's row is behind the publication: it waits, but not for ever.
    let later = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,4)";
    let old = house.store.content().tables.plans[&group(&house)].clone();
    run(house.know(&instrument(PRICED), &[later.parse().unwrap()])).unwrap();
    house.store.content().tables.plans.insert(group(&house), old);
    tick(&house, PRICED, 3.0);
    let mut messages = house.publications();
    assert_eq!(failures(&house, &messages), ids(&messages));
    for message in &mut messages {
        message.receive_count = 5;
    }
    assert_eq!(failures(&house, &messages), NONE);
    assert_eq!(
        items(&house, "c1").iter().map(|item| item.s).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn mode_last_stands_for_all_it_skips() {
    let house = house();
    register(&house, "full", &[(BTC, 1, false)]);
    register(&house, "last", &[(BTC, 7, true), (SMA, 8, true)]);
    for n in 1..=5 {
        tick(&house, PRICED, f64::from(n));
    }
    let mut messages = house.publications();
    let full = |items: &[DataFrame]| items.iter().map(|item| (item.prev, item.n)).collect::<Vec<_>>();
    // The third publication is lost.
    messages.remove(2);
    assert_eq!(failures(&house, &messages), NONE);
    let all = items(&house, "full");
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|item| item.n.is_none()));
    let conflated: Vec<_> = items(&house, "last")
        .into_iter()
        .filter(|item| item.s == 7)
        .collect();
    assert_eq!(
        full(&conflated),
        [(None, Some(2)), (all[2].prev, Some(2))],
        "the hole stays visible"
    );
    assert_eq!(conflated[0].o, all[1].o);
    assert_eq!(conflated[1].o, all[3].o);
    assert_ne!(conflated[1].prev, conflated[0].o);
    // The same segment twice in one batch.
    tick(&house, PRICED, 6.0);
    let again = house.publications();
    assert_eq!(failures(&house, &[again.clone(), again].concat()), NONE);
    assert_eq!(items(&house, "last").iter().filter(|item| item.s == 7).count(), 1);
}

#[test]
fn a_connection_s_fault_is_its_own() {
    let house = house();
    for connection in ["bad", "good"] {
        register(&house, connection, &[(BTC, 1, false), (NIFTY_PRICE, 2, false)]);
    }
    for outcome in [Post::Throttled, Post::Lost, Post::Never] {
        register(&house, "bad", &[(BTC, 1, false), (NIFTY_PRICE, 2, false)]);
        house
            .sockets
            .on_post(move |connection| if connection == "bad" { outcome } else { Post::Taken });
        let holes = house.deliver.stats().holes.load(Relaxed);
        for price in [1.0, 2.0] {
            tick(&house, PRICED, price);
            assert_eq!(failures(&house, &house.publications()), NONE, "{outcome:?}");
        }
        assert_eq!(items(&house, "good").len(), 2, "{outcome:?}");
        assert_eq!(house.deliver.stats().holes.load(Relaxed), holes + 2);
        let content = house.sockets.content();
        assert!(
            content.subscribers[&(group(&house), 0)]["bad"].behind,
            "{outcome:?}"
        );
        assert_eq!(
            content.calls["mark_behind"],
            1 + (outcome as u64 - Post::Throttled as u64),
            "marked once"
        );
    }
    // It resumes, which clears the mark.
    register(&house, "bad", &[(BTC, 1, false)]);
    assert!(!house.sockets.content().subscribers[&(group(&house), 0)]["bad"].behind);

    // It is gone: forgotten in all its groups at once.
    register(&house, "bad", &[(BTC, 1, false), (NIFTY_PRICE, 2, false)]);
    house.sockets.on_post(move |connection| {
        if connection == "bad" {
            Post::Gone
        } else {
            Post::Taken
        }
    });
    tick(&house, PRICED, 9.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(house.deliver.stats().gone.load(Relaxed), 1);
    let content = house.sockets.content();
    assert!(!content.connections.contains_key("bad"));
    assert!(content.subscribers.values().all(|rows| !rows.contains_key("bad")));
}

#[test]
fn frames_are_bounded_and_in_order_however_many_are_taken_at_once() {
    for at_once in [0, 1, 2, 1_000] {
        let house = house();
        register(&house, "c1", &[(BTC, 1, false)]);
        house.sockets.content().at_once = at_once;
        for n in 1..=2_000 {
            run(house.tick(&instrument(PRICED), f64::from(n))).unwrap();
        }
        run(house.fold());
        assert_eq!(failures(&house, &house.publications()), NONE);
        let frames: Vec<String> = house.sockets.take_frames("c1");
        assert!(frames.len() > 3 && frames.iter().all(|frame| frame.len() <= frame_bytes_max));
        assert_eq!(house.deliver.stats().posts.load(Relaxed), frames.len() as u64);
        let by_calls = frames.len().saturating_sub(at_once);
        assert_eq!(house.sockets.content().posts, by_calls as u64);
        let items: Vec<DataFrame> = frames
            .iter()
            .flat_map(|f| serde_json::from_str::<Vec<DataFrame>>(f).unwrap())
            .collect();
        assert_eq!(items.len(), 2_000);
        assert!(items.windows(2).all(|pair| pair[1].prev == pair[0].o));
    }
}

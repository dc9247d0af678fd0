//! Replays the sample events, and what comes of publications over twins of all ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its case must fail"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use serde_json::{Value, json};
use tickwire_deliver::handle;
use tickwire_entitlements::Tier;
use tickwire_market::{InstrumentKey, Timeframe};
use tickwire_service::deliver_signals::Deliver;
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
    let reads = |house: &House| house.sockets.content().calls["subscribers"];
    let before = reads(&house);
    tick(&house, PRICED, 3.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(reads(&house), before, "nothing changed, nothing is read");
    // It unsubscribes.
    run(house.sockets.close("c2", &[(group(&house), 0)])).unwrap();
    let _ = items(&house, "c2");
    tick(&house, PRICED, 4.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(items(&house, "c2").len(), 0);
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
fn frames_are_bounded_and_in_order() {
    let house = house();
    register(&house, "c1", &[(BTC, 1, false)]);
    for n in 1..=2_000 {
        run(house.tick(&instrument(PRICED), f64::from(n))).unwrap();
    }
    run(house.fold());
    assert_eq!(failures(&house, &house.publications()), NONE);
    let frames: Vec<Arc<str>> = house.sockets.take_frames("c1");
    assert!(frames.len() > 1 && frames.iter().all(|frame| frame.len() <= frame_bytes_max));
    let items: Vec<DataFrame> = frames
        .iter()
        .flat_map(|f| serde_json::from_str::<Vec<DataFrame>>(f).unwrap())
        .collect();
    assert_eq!(items.len(), 2_000);
    assert!(items.windows(2).all(|pair| pair[1].prev == pair[0].o));
}

#[test]
fn over_the_tier_s_rate_streams_are_conflated_and_nothing_is_lost() {
    let house = house();
    register_as(&house, "c1", Tier::Free, &[(BTC, 3, false)]);
    // A tenth of a minute's frames within 5 s.
    let most = Tier::Free.limits().stream_messages_per_minute_max / 10;
    let mut got: Vec<DataFrame> = Vec::new();
    let mut told = Vec::new();
    let mut receive = || {
        assert_eq!(failures(&house, &house.publications()), NONE);
        let frames = house.sockets.take_frames("c1");
        for frame in &frames {
            match serde_json::from_str::<Vec<DataFrame>>(frame) {
                Ok(items) => got.extend(items),
                Err(_) => told.push(serde_json::from_str::<Value>(frame).unwrap()),
            }
        }
        frames.len()
    };
    let mut sent = 0;
    for n in 0..2 * most {
        tick(&house, PRICED, f64::from(n + 1));
        sent += receive();
    }
    assert_eq!(sent, most as usize + 1, "and one that says so");
    house.store.advance(Duration::from_secs(6));
    tick(&house, PRICED, 0.5);
    assert_eq!(receive(), 1);
    for _ in 0..10 {
        tick(&house, PRICED, 0.5);
        receive();
    }
    assert_eq!(told, [json!({"downgraded": {"s": [3], "mode": "last"}})]);
    // One item stands for all that waited; the chain has no hole.
    let held = &got[most as usize];
    assert_eq!(held.n, Some(most));
    assert_eq!(held.d, Some(json!({"price": f64::from(2 * most)})));
    assert!(got.windows(2).all(|pair| pair[1].prev == pair[0].o), "{got:?}");
    assert_eq!(got.len(), most as usize + 12);
}

#[test]
fn no_minute_holds_more_frames_than_the_tier_has() {
    let house = house();
    register_as(&house, "c1", Tier::Free, &[(BTC, 3, false)]);
    let mut by_second = Vec::new();
    for n in 0..180 {
        let mut frames = 0;
        for _ in 0..12 {
            tick(&house, PRICED, f64::from(n + 1));
            assert_eq!(failures(&house, &house.publications()), NONE);
            frames += items_or_none(&house);
        }
        by_second.push(frames);
        house.store.advance(Duration::from_secs(1));
    }
    let most = Tier::Free.limits().stream_messages_per_minute_max as usize;
    let windows = by_second.windows(60).map(|minute| minute.iter().sum::<usize>());
    assert!(windows.clone().all(|frames| frames <= most), "{by_second:?}");
    assert!(windows.max() > Some(most * 8 / 10), "{by_second:?}");
    // Whoever is over it is sent something every few seconds.
    let silent = by_second.split(|frames| *frames > 0).map(<[usize]>::len).max();
    assert!(silent <= Some(6), "{by_second:?}");
}

/// How many frames of data came.
fn items_or_none(house: &House) -> usize {
    let frames = house.sockets.take_frames("c1");
    frames.iter().filter(|frame| frame.starts_with('[')).count()
}

/// What a client took of one stream: each item follows on the one before. How many signals.
fn take_whole(items: &[DataFrame], last: &mut Option<u64>) -> u32 {
    let mut signals = 0;
    for item in items {
        assert_eq!(item.prev.map(|o| o.0), *last, "a hole, or a repetition");
        *last = item.o.map(|o| o.0);
        signals += item.n.unwrap_or(1);
    }
    signals
}

#[test]
fn posts_that_are_short_are_shared_out_and_nothing_is_lost() {
    let quota = PostQuota {
        per_second: 4,
        burst: 4,
    };
    let house = house_within(Some(quota));
    let free: Vec<String> = (0..7).map(|n| format!("free-{n}")).collect();
    for connection in &free {
        register_as(&house, connection, Tier::Free, &[(BTC, 1, false)]);
    }
    register(&house, "paid", &[(BTC, 1, false), (SMA, 2, true)]);
    let mut stood = [None; 8];
    let (mut frames, mut signals) = ([0; 8], [0; 8]);
    let mut take = |house: &House| {
        let names = free.iter().map(String::as_str).chain(["paid"]);
        for (nth, connection) in names.enumerate() {
            frames[nth] += house.sockets.content().frames.get(connection).map_or(0, Vec::len);
            let mut items = items(house, connection);
            items.retain(|item| item.s == 1);
            signals[nth] += take_whole(&items, &mut stood[nth]);
        }
        (frames, signals)
    };
    let rounds = 21_u32;
    for round in 1..=rounds {
        house.store.advance(Duration::from_secs(1));
        tick(&house, PRICED, f64::from(round));
        assert_eq!(failures(&house, &house.publications()), NONE);
    }
    let (had, _) = take(&house);
    // The bucket begins empty, when it is first looked at.
    assert_eq!(had.iter().sum::<usize>(), 4 * (rounds as usize - 1), "{had:?}");
    assert_eq!(
        had[7],
        rounds as usize - 1,
        "it has a frame of each second: {had:?}"
    );
    assert!(had[..7].iter().all(|had| (8..=9).contains(had)), "{had:?}");
    assert!(house.deliver.stats().deferred.load(Relaxed) > 0);
    // Seven share three posts a round: nobody waits for more than three rounds.
    for more in 1..=3 {
        house.store.advance(Duration::from_secs(1));
        tick(&house, PRICED, f64::from(rounds + more));
        assert_eq!(failures(&house, &house.publications()), NONE);
    }
    let (_, signals) = take(&house);
    assert!(signals.iter().all(|signals| *signals >= rounds), "{signals:?}");
}

#[test]
fn two_processes_together_send_no_more_frames_than_the_tier_has() {
    let house = house();
    register_as(
        &house,
        "c1",
        Tier::Free,
        &[(BTC, 3, false), (NIFTY_PRICE, 4, false)],
    );
    let process = || {
        let deliver = Deliver::new(house.deliver_ports.clone(), house.placement.clone());
        deliver.counting_in(house.sockets.clone())
    };
    let of_group = [(PRICED, process()), (NIFTY, process())];
    let limits = Tier::Free.limits();
    let (mut sent, mut last) = (0, 0.0);
    for round in 0..600_u32 {
        house.store.advance(Duration::from_millis(100));
        for (name, deliver) in &of_group {
            last = f64::from(round + 1);
            tick(&house, name, last);
            assert_eq!(run(deliver.deliver(house.publications())), NONE);
            sent += house.sockets.take_frames("c1").len();
        }
    }
    let minute = limits.stream_messages_per_minute_max as usize;
    // Each tells once that streams are conflated.
    assert!((minute * 9 / 10..=minute * 12 / 10 + 2).contains(&sent), "{sent}");
    for (_, deliver) in &of_group {
        assert!(deliver.stats().held.load(Relaxed) > 0);
    }
    // Where frames cannot be counted they wait, and nothing is lost.
    house.store.advance(Duration::from_secs(70));
    house.sockets.content().down.insert("swap_usage");
    tick(&house, PRICED, last + 1.0);
    assert_eq!(run(of_group[0].1.deliver(house.publications())), NONE);
    assert_eq!(items_or_none(&house), 0);
    house.sockets.content().down.remove("swap_usage");
    tick(&house, PRICED, last + 2.0);
    assert_eq!(run(of_group[0].1.deliver(house.publications())), NONE);
    let items = items(&house, "c1");
    assert!(items[0].n > Some(1), "{items:?}");
    assert_eq!(items.last().unwrap().d, Some(json!({"price": last + 2.0})));
}

#[test]
fn a_frame_that_is_put_off_is_none_of_those_that_the_tier_has() {
    let quota = PostQuota {
        per_second: 1,
        burst: 1,
    };
    let house = house_within(Some(quota));
    register_as(&house, "free", Tier::Free, &[(BTC, 1, false)]);
    register(&house, "paid", &[(BTC, 1, false)]);
    for nth in 0..100_u32 {
        house.store.advance(Duration::from_millis(200));
        tick(&house, PRICED, f64::from(nth + 1));
        assert_eq!(failures(&house, &house.publications()), NONE);
    }
    let sent = house.sockets.take_frames("free").len();
    let stats = house.deliver.stats();
    assert!((1..=4).contains(&sent), "{sent}");
    assert!(stats.deferred.load(Relaxed) > 50);
    assert_eq!(
        stats.held.load(Relaxed),
        0,
        "it was sent few of those it may have"
    );
}

#[test]
fn many_that_are_gone_delay_nobody_and_are_forgotten_by_and_by() {
    const GONE: u64 = 100;
    let house = house();
    register(&house, "here", &[(BTC, 1, false)]);
    for nth in 0..GONE {
        register(&house, &format!("gone-{nth}"), &[(BTC, 1, false)]);
    }
    house.sockets.on_post(|connection| match connection {
        "here" => Post::Taken,
        _ => Post::Gone,
    });
    house.sockets.pause_at_calls();
    let rows = |house: &House| house.sockets.content().connections.len();
    let mut posts = house.sockets.content().posts;
    let mut runs = 0_u32;
    while rows(&house) > 1 {
        runs += 1;
        tick(&house, PRICED, f64::from(runs));
        assert_eq!(failures(&house, &house.publications()), NONE);
        let expected = posts + 1 + if runs == 1 { GONE } else { 0 };
        posts = house.sockets.content().posts;
        assert_eq!(posts, expected, "it is not posted to again");
    }
    assert!(runs > 1, "a run does not wait for all of them");
    assert_eq!(house.deliver.stats().gone.load(Relaxed), GONE);
    assert_eq!(items(&house, "here").len(), runs as usize);
}

#[test]
fn who_is_throttled_gets_the_latest_later() {
    let house = house();
    for connection in ["busy", "other"] {
        register(&house, connection, &[(BTC, 1, false)]);
    }
    house.sockets.on_post(|connection| match connection {
        "busy" => Post::Throttled,
        _ => Post::Taken,
    });
    let posts = |house: &House| house.sockets.content().posts;
    tick(&house, PRICED, 1.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    let before = posts(&house);
    tick(&house, PRICED, 2.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    assert_eq!(posts(&house), before + 1, "it is left alone for a while");
    house.sockets.on_post(|_| Post::Taken);
    house.store.advance(Duration::from_millis(250));
    tick(&house, PRICED, 3.0);
    assert_eq!(failures(&house, &house.publications()), NONE);
    let (mut last, mut of_other) = (None, None);
    let conflated = items(&house, "busy");
    assert_eq!(conflated[0].n, Some(2), "{conflated:?}");
    assert_eq!(take_whole(&conflated, &mut last), 3);
    assert_eq!(take_whole(&items(&house, "other"), &mut of_other), 3);
    assert_eq!(last, of_other);
}

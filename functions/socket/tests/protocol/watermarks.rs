//! Paid streams: every value is of one receiver, and without a key none is sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tickwire_entitlements::watermark::{Leaked, WatermarkKey};
use tickwire_entitlements::{Grant, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::query_history::{PastQuestion, QueryHistory, SignalsQuestion};
use tickwire_service::testing_sockets::{House, NOW, PRICED, SECRET};
use tickwire_service::trace_leak::Sent;
use tickwire_streams::{StreamKey, Universe};
use tickwire_wire::DataFrame;

use super::world::{CONNECTION, greeted, instrument, run, say, tick};

const GOLD: &str = "marketplace/gold:BINANCE@BTCUSDT@SPOT:tick:sma(close,3)";
const COMMON: &str = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,3)";
const OWN: &str = "personal/asha:BINANCE@BTCUSDT@SPOT:tick:sma(close,3)";

/// A house with the streams, in which both users have bought the product.
fn house() -> House {
    let house = greeted();
    for user in ["asha", "ravi"] {
        house.sockets.content().grants.push(Grant {
            user: user.to_owned(),
            product: "gold".to_owned(),
            from: NOW,
            until: NOW.saturating_add(86_400 * UnixNanos::PER_SECOND),
            trial: false,
            version: 1,
        });
    }
    let streams: Vec<StreamKey> = [GOLD, COMMON, OWN]
        .iter()
        .map(|key| key.parse().unwrap())
        .collect();
    run(house.know(&instrument(PRICED), &streams)).unwrap();
    run(house.fold());
    house
}

/// Connects `user`, who asks for streams.
fn other(house: &House, connection: &str, user: &str, id: u64, streams: &Value) -> Value {
    let identity = house.identity(user, Tier::Premium);
    run(house.connections.open(connection, &identity)).unwrap();
    let hello = json!({"id": id, "op": "hello"}).to_string();
    let subscribe = json!({"id": id + 1, "op": "subscribe", "streams": streams}).to_string();
    run(house.subscriptions.request(connection, &hello));
    serde_json::from_str(&run(house.subscriptions.request(connection, &subscribe))).unwrap()
}

/// Items that a connection got, by handle.
fn items(house: &House, connection: &str) -> BTreeMap<u32, Vec<DataFrame>> {
    let mut items: BTreeMap<u32, Vec<DataFrame>> = BTreeMap::new();
    for frame in house.sockets.take_frames(connection) {
        for item in serde_json::from_str::<Vec<DataFrame>>(&frame).unwrap() {
            items.entry(item.s).or_default().push(item);
        }
    }
    items
}

fn prices(house: &House) {
    for price in [10.0, 10.1, 10.3, 10.4] {
        tick(house, PRICED, price);
    }
}

#[test]
fn a_value_is_the_same_for_one_receiver_however_it_comes() {
    let house = house();
    let streams = json!([{"key": GOLD, "s": 1}, {"key": COMMON, "s": 2}, {"key": OWN, "s": 3}]);
    say(
        &house,
        &json!({"id": 2, "op": "subscribe", "streams": streams}).to_string(),
    );
    other(
        &house,
        "ravis",
        "ravi",
        1,
        &json!([{"key": GOLD, "s": 1}, {"key": COMMON, "s": 2}]),
    );
    let _ = (items(&house, CONNECTION), items(&house, "ravis"));
    prices(&house);
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    let (mine, theirs) = (items(&house, CONNECTION), items(&house, "ravis"));

    let last = |items: &BTreeMap<u32, Vec<DataFrame>>, s: u32| items[&s].last().unwrap().clone();
    let value = |item: &DataFrame| item.d.as_ref().unwrap()["value"].as_f64().unwrap();
    let (gold, common, own) = (last(&mine, 1), last(&mine, 2), last(&mine, 3));
    // 30.8 / 3: below a tick of this venue everybody's is another.
    let exact = value(&common);
    assert_eq!(exact, value(&last(&theirs, 2)));
    assert!(common.wm.is_none());
    for other in [value(&gold), value(&own), value(&last(&theirs, 1))] {
        assert!(other != exact && (other - exact).abs() < 1e-9, "{other} {exact}");
    }
    assert!(value(&gold) != value(&last(&theirs, 1)) && value(&gold) != value(&own));

    // Whose it is can be told from key, receiver and payload alone.
    let key = WatermarkKey::new(SECRET).unwrap();
    let mark = gold.wm.clone().unwrap();
    assert_eq!(mark.kid, key.id());
    let payload = gold.d.as_ref().unwrap().to_string();
    let is_of = |user: &str| {
        let marker = key.marker(user, "marketplace/gold", GOLD, &instrument(PRICED));
        marker.verify(gold.o.unwrap(), &payload, &mark.sig)
    };
    assert!(is_of("asha") && !is_of("ravi"));

    // A snapshot, and a resume.
    say(
        &house,
        &json!({"id": 3, "op": "unsubscribe", "s": [1]}).to_string(),
    );
    say(
        &house,
        &json!({"id": 4, "op": "subscribe", "streams": [{"key": GOLD, "s": 1}]}).to_string(),
    );
    let snapshot = last(&items(&house, CONNECTION), 1);
    assert_eq!((snapshot.k.as_str(), snapshot.o), ("snapshot", gold.o));
    assert_eq!((&snapshot.d, &snapshot.wm), (&gold.d, &gold.wm));
    let epoch = house.store.content().tables.groups[&house.group_of(&instrument(PRICED))]
        .epoch
        .clone();
    let since = json!({"epoch": epoch, "offset": mine[&1][0].o.unwrap().0});
    say(
        &house,
        &json!({"id": 5, "op": "subscribe", "streams": [{"key": GOLD, "s": 1, "since": since}]}).to_string(),
    );
    let resumed = items(&house, CONNECTION).remove(&1).unwrap();
    assert_eq!(resumed.len(), mine[&1].len() - 1);
    for (again, first) in resumed.iter().zip(&mine[&1][1..]) {
        assert_eq!((again.o, &again.d, &again.wm), (first.o, &first.d, &first.wm));
    }

    // And over HTTP.
    let page = run(history(&house).signals(&house.identity("asha", Tier::Premium), &question())).unwrap();
    let of = |key: &str| page.signals.iter().find(|row| row.key == key).unwrap().d["value"].as_f64();
    let pages = run(history(&house).past_signals(&house.identity("asha", Tier::Premium), &past())).unwrap();
    let newest = pages.signals.last().unwrap();
    assert_eq!(
        (newest.offset, newest.d["value"].as_f64()),
        (gold.o, Some(value(&gold)))
    );
    // Signed as frames are; what is not paid for is not.
    for row in page.signals.iter().chain(&pages.signals) {
        let wm = row.wm.as_ref();
        assert_eq!(
            wm.is_some(),
            row.key.starts_with("marketplace") || row.key.starts_with("personal"),
            "{row:?}"
        );
        let Some(wm) = wm.filter(|_| row.key == GOLD) else {
            continue;
        };
        let payload = row.d.to_string();
        let is_of = |user: &str| {
            let marker = key.marker(user, "marketplace/gold", GOLD, &instrument(PRICED));
            marker.verify(row.offset.unwrap(), &payload, &wm.sig)
        };
        assert!(is_of("asha") && !is_of("ravi") && wm.kid == key.id(), "{row:?}");
    }
    assert_eq!(newest.wm, gold.wm);
    assert_eq!(
        (of(GOLD), of(OWN), of(COMMON)),
        (Some(value(&gold)), Some(value(&own)), Some(exact))
    );
}

fn past() -> PastQuestion {
    PastQuestion {
        universe: Universe::live(),
        key: GOLD.parse().unwrap(),
        from: UnixNanos(0),
        to: UnixNanos(i64::MAX - UnixNanos::PER_MINUTE),
        limit: 100,
        position: None,
    }
}

fn history(house: &House) -> QueryHistory {
    QueryHistory::new(
        house.query.clone(),
        house.placement.clone(),
        Universe::live(),
        "tokens",
    )
}

fn question() -> SignalsQuestion {
    SignalsQuestion {
        universe: Universe::live(),
        instrument: instrument(PRICED),
        key: None,
        timeframe: None,
        after: None,
        limit: 100,
    }
}

#[test]
fn a_leak_is_traced_to_its_receiver() {
    let house = house();
    let streams = json!([{"key": GOLD, "s": 1}]);
    say(
        &house,
        &json!({"id": 2, "op": "subscribe", "streams": streams}).to_string(),
    );
    other(&house, "ravis", "ravi", 1, &streams);
    let _ = (items(&house, CONNECTION), items(&house, "ravis"));
    for step in 0..60 {
        tick(&house, PRICED, 100.0 + f64::from(step * step % 97) / 10.0);
        assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    }
    // Values alone: every second one, backwards, one digit rounded off.
    let leak = |connection: &str| -> Vec<Leaked> {
        let items = items(&house, connection).remove(&1).unwrap();
        let values = items
            .iter()
            .rev()
            .step_by(2)
            .filter_map(|item| item.d.as_ref()?["value"].as_f64());
        values
            .map(|value| Leaked::parse(&format!("{value:.11}")).unwrap())
            .collect()
    };
    let sent = run(Sent::read(
        &*house.process,
        &*house.process,
        &Universe::live(),
        |_| true,
    ))
    .unwrap();
    assert_eq!((sent.streams.len(), sent.len() > 100), (2, true));
    let users: Vec<String> = (0..200)
        .map(|user| format!("user-{user}"))
        .chain(["asha".into(), "ravi".into()])
        .collect();
    let keys = [
        WatermarkKey::new(&[9; 32]).unwrap(),
        WatermarkKey::new(SECRET).unwrap(),
    ];
    for (connection, user) in [(CONNECTION, "asha"), ("ravis", "ravi")] {
        let trace = sent.compare(&leak(connection));
        let verdict = sent.accuse(&trace, &users, &keys);
        let named: Vec<&str> = verdict
            .named
            .iter()
            .map(|finding| finding.subscriber.as_str())
            .collect();
        assert_eq!(named, [user], "{verdict:?} {trace:?}");
        assert_eq!(verdict.named[0].key_id, keys[1].id());
    }
}

#[test]
fn without_a_key_nothing_that_is_paid_for_is_sent() {
    let house = house();
    let streams = json!([{"key": GOLD, "s": 1}, {"key": COMMON, "s": 2}]);
    say(
        &house,
        &json!({"id": 2, "op": "subscribe", "streams": streams}).to_string(),
    );
    let _ = items(&house, CONNECTION);
    house.sockets.content().down.insert("secret");

    // No frame,
    prices(&house);
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    let got = items(&house, CONNECTION);
    assert!(got[&2].len() >= 4 && !got.contains_key(&1), "{got:?}");
    let withheld = &house.deliver.stats().withheld;
    assert!(withheld.load(std::sync::atomic::Ordering::Relaxed) >= 4);
    // no snapshot,
    let reply = other(&house, "ravis", "ravi", 1, &streams);
    let verdicts = &reply["ok"]["streams"];
    assert_eq!(verdicts[0]["err"]["slug"], "unavailable", "{reply}");
    assert_eq!(
        (&verdicts[0]["err"]["temporary"], &verdicts[0]["err"]["stream"]),
        (&json!(true), &json!(GOLD))
    );
    assert_eq!(verdicts[1]["err"], Value::Null);
    let got = items(&house, "ravis");
    assert_eq!((got.contains_key(&1), got[&2].len()), (false, 1));
    // no resume,
    let since = json!({"epoch": "1", "offset": 1});
    let resume = json!({"id": 9, "op": "subscribe", "streams": [{"key": GOLD, "s": 1, "since": since}]});
    assert_eq!(
        say(&house, &resume.to_string())["ok"]["streams"][0]["err"]["slug"],
        "unavailable"
    );
    assert!(items(&house, CONNECTION).is_empty());
    // no page.
    let asha = house.identity("asha", Tier::Premium);
    let page = run(history(&house).signals(&asha, &question())).unwrap();
    assert!(
        page.signals
            .iter()
            .all(|row| row.key.starts_with("common") || row.key.starts_with("public"))
    );
    let only = SignalsQuestion {
        key: Some(GOLD.parse().unwrap()),
        ..question()
    };
    let refused = run(history(&house).signals(&asha, &only)).unwrap_err();
    assert_eq!(refused.into_body().slug, "unavailable");
    let refused = run(history(&house).past_signals(&asha, &past())).unwrap_err();
    assert_eq!(refused.into_body().slug, "unavailable");

    // A key again: what is asked for again is served.
    house.sockets.content().down.clear();
    let again = json!({"id": 10, "op": "subscribe", "streams": [{"key": GOLD, "s": 1}]});
    say(&house, &again.to_string());
    let got = items(&house, CONNECTION);
    assert!(got[&1][0].wm.is_some(), "{got:?}");
    tick(&house, PRICED, 10.7);
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    assert!(items(&house, CONNECTION)[&1][0].wm.is_some());
}

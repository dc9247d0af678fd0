//! What a subscribe asks of the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tickwire_entitlements::{Decision, Grant, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::sign_token;
use tickwire_service::entitle::Entitle;
use tickwire_service::manage_subscription::tops_age_ms_max;
use tickwire_service::ports::Secret;
use tickwire_service::testing_sockets::{House, NOW, PRICED, SECRET};
use tickwire_streams::StreamKey;

use super::world::{BTC, instrument, run, tick};

/// Streams of one subscribe, of which a part is of a product.
const STREAMS: usize = 50;

/// Calls of the store while something is done, by name.
fn calls<T>(house: &House, act: impl FnOnce() -> T) -> (T, BTreeMap<String, u64>) {
    let of_process = Arc::<Mutex<BTreeMap<String, u64>>>::default();
    let noted = of_process.clone();
    house.process.set_script(move |call| {
        *noted.lock().unwrap().entry(call.what.to_owned()).or_default() += 1;
        None
    });
    let before = house.sockets.content().calls.clone();
    let outcome = act();
    let mut made = of_process.lock().unwrap().clone();
    for (what, count) in &house.sockets.content().calls {
        let new = count - before.get(what).copied().unwrap_or(0);
        if new > 0 && *what != "post" && *what != "secret" {
            *made.entry((*what).to_owned()).or_default() += new;
        }
    }
    (outcome, made)
}

#[test]
fn a_subscribe_of_many_streams_asks_the_store_as_often_as_one_of_few() {
    let house = House::new();
    let streams: Vec<StreamKey> = (0..STREAMS)
        .map(|n| {
            let class = if n % 2 == 0 { "common" } else { "marketplace/gold" };
            format!("{class}:{PRICED}:tick:sma(close,{})", n + 2)
                .parse()
                .unwrap()
        })
        .collect();
    run(house.know(&instrument(PRICED), &streams)).unwrap();
    tick(&house, PRICED, 1.0);
    house.sockets.content().grants.push(grant());
    let ask = |connection: &str, count: usize| {
        run(house.connect(connection, Tier::Premium));
        let wanted: Vec<Value> = (1..)
            .zip(&streams[..count])
            .map(|(s, key)| json!({"key": key, "s": s}))
            .collect();
        let message = json!({"id": 2, "op": "subscribe", "streams": wanted}).to_string();
        let (reply, made) = calls(&house, || run(house.subscriptions.request(connection, &message)));
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(reply["ok"]["list"].as_object().unwrap().len(), count, "{reply}");
        made
    };
    // The first of a process also looks up what is on sale.
    let first = ask("first", STREAMS);
    assert_eq!(first.get("products"), Some(&1), "{first:?}");
    let many = ask("many", STREAMS);
    // Three reads beyond the write of its rows, which is one transaction. The shard's version is
    // raised behind it, by a call of its own: all who subscribe in the shard raise the same row,
    // and in transactions they would cancel each other. It cannot be spared, nor come later:
    // who delivers would go by the subscribers of before, while what they missed was read already.
    let expected = [
        ("connection", 1),
        ("raise_version", 1),
        ("read", 1),
        ("update", 1),
        ("views", 1),
    ];
    assert_eq!(
        many,
        expected.map(|(what, count)| (what.to_owned(), count)).into()
    );
    assert_eq!(ask("few", 2), many);
}

#[test]
fn pings_of_a_second_read_the_tops_once() {
    let house = House::new();
    run(house.know(&instrument(PRICED), &[BTC.parse().unwrap()])).unwrap();
    let streams = [json!({"key": BTC, "s": 1})];
    let ask = |connection: &str, message: Value| {
        let reply = run(house.subscriptions.request(connection, &message.to_string()));
        serde_json::from_str::<Value>(&reply).unwrap()
    };
    let connections = ["one", "two", "three"];
    for connection in connections {
        run(house.connect(connection, Tier::Premium));
        ask(
            connection,
            json!({"id": 2, "op": "subscribe", "streams": streams}),
        );
    }
    let reads = |id: u64| {
        let pings = || connections.map(|connection| ask(connection, json!({"id": id, "op": "ping"})));
        let (replies, made) = calls(&house, pings);
        let [top, others @ ..] = replies.map(|reply| reply["ok"]["tops"]["1"].clone());
        assert!(others.iter().all(|other| *other == top));
        (made.get("latest").copied().unwrap_or(0), top)
    };
    tick(&house, PRICED, 1.0);
    assert_eq!(reads(3).0, 1);
    house.store.advance(Duration::from_millis(tops_age_ms_max - 1));
    let (read, first) = reads(4);
    assert_eq!(read, 0);
    // The latest row is written now and then.
    for price in [2.0, 3.0] {
        house.store.advance(Duration::from_secs(5));
        tick(&house, PRICED, price);
    }
    let (read, second) = reads(5);
    assert_eq!(read, 1);
    assert!(
        second.is_u64() && second.as_u64() > first.as_u64(),
        "{first} {second}"
    );
}

#[test]
fn who_was_seen_before_costs_the_store_nothing() {
    let house = House::new();
    let authenticate = house.authenticate();
    let entitle = Entitle::new(house.query.access.clone());
    house.sockets.content().grants.push(grant());
    let token = sign_token(
        &Secret::new(SECRET),
        "asha",
        Tier::Standard,
        Duration::from_secs(600),
        NOW,
    );
    let header = format!("Bearer {}", token.unwrap().expose());
    let key: StreamKey = format!("marketplace/gold:{PRICED}:1m:sma(close,4)")
        .parse()
        .unwrap();
    let ask = || {
        let principal = run(authenticate.principal(Some(&header))).unwrap();
        run(entitle.decide(&principal.identity, &[&key]))
    };
    let (decided, first) = calls(&house, ask);
    assert_eq!(decided, [Decision::Allow]);
    assert_eq!(
        (first.get("grants"), first.get("products")),
        (Some(&1), Some(&1)),
        "{first:?}"
    );
    let (decided, again) = calls(&house, ask);
    assert_eq!(decided, [Decision::Allow]);
    assert_eq!(again, BTreeMap::new());
}

fn grant() -> Grant {
    Grant {
        user: "asha".into(),
        product: "gold".into(),
        from: NOW,
        until: UnixNanos(i64::MAX),
        trial: false,
        version: 1,
    }
}

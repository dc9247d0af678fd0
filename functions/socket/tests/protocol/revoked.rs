//! What was given ends in the middle of a subscription.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_entitlements::{Grant, Revocation, Revoked, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::limit_use::LimitUse;
use tickwire_service::testing_sockets::{House, NOW, PRICED};
use tickwire_streams::StreamKey;
use tickwire_wire::DataFrame;

use super::world::{BTC, CONNECTION, NIFTY_PRICE, greeted, instrument, run, say, tick};

const GOLD: &str = "marketplace/gold:BINANCE@BTCUSDT@SPOT:tick:sma(close,3)";

fn grant(seconds: i64) -> Grant {
    Grant {
        user: "asha".to_owned(),
        product: "gold".to_owned(),
        from: NOW,
        until: NOW.saturating_add(seconds * UnixNanos::PER_SECOND),
        trial: false,
        version: 1,
    }
}

/// A house in which the user reads a stream of a product, granted for so many seconds, and a price.
fn house(seconds: i64) -> House {
    let house = greeted();
    house.sockets.content().grants.push(grant(seconds));
    let streams: Vec<StreamKey> = vec![GOLD.parse().unwrap()];
    run(house.know(&instrument(PRICED), &streams)).unwrap();
    let streams = json!([{"key": GOLD, "s": 1}, {"key": BTC, "s": 2}]);
    let reply = say(
        &house,
        &json!({"id": 2, "op": "subscribe", "streams": streams}).to_string(),
    );
    assert_eq!(reply["ok"]["list"], json!({"1": GOLD, "2": BTC}), "{reply}");
    let _ = house.sockets.take_frames(CONNECTION);
    house
}

/// What a tick brings: kind and handle of each item.
fn brings(house: &House, price: f64) -> Vec<(String, u32)> {
    tick(house, PRICED, price);
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    let frames = house.sockets.take_frames(CONNECTION);
    let items = frames
        .iter()
        .flat_map(|frame| serde_json::from_str::<Vec<DataFrame>>(frame).unwrap());
    let mut items: Vec<_> = items.map(|item| (item.k, item.s)).collect();
    items.sort_by_key(|(_, s)| *s);
    items
}

fn signal(s: u32) -> (String, u32) {
    ("signal".to_owned(), s)
}

fn revoked(s: u32) -> (String, u32) {
    ("revoked".to_owned(), s)
}

fn subscribe(house: &House, id: u64) -> Value {
    let streams = json!([{"key": GOLD, "s": 1}]);
    say(
        house,
        &json!({"id": id, "op": "subscribe", "streams": streams}).to_string(),
    )
}

#[test]
fn a_grant_that_ends_ends_its_streams_and_no_other() {
    let house = house(60);
    assert_eq!(brings(&house, 1.0), [signal(1), signal(2)]);
    house.store.advance(Duration::from_secs(60));
    assert_eq!(brings(&house, 2.0), [revoked(1), signal(2)]);
    assert_eq!(brings(&house, 3.0), [signal(2)], "it is told once");
    // Nothing of it is left, and it may be had again.
    let reply = say(&house, r#"{"id":3,"op":"list"}"#);
    assert_eq!(reply["ok"]["list"], json!({"2": BTC}));
    let reply = subscribe(&house, 4);
    assert_eq!(
        reply["ok"]["streams"][0]["err"]["slug"], "grant_required",
        "{reply}"
    );
    house.sockets.content().grants = vec![grant(600)];
    let reply = subscribe(&house, 5);
    assert_eq!(
        reply["ok"]["streams"][0]["err"],
        Value::Null,
        "bought just now: {reply}"
    );
    let _ = house.sockets.take_frames(CONNECTION);
    assert_eq!(brings(&house, 4.0), [signal(1), signal(2)]);
}

#[test]
fn a_product_that_changes_ends_what_it_no_longer_includes() {
    let house = house(86_400);
    let change = |pattern: &str| {
        let mut content = house.sockets.content();
        let gold = content.products.get_mut("gold").unwrap();
        gold.publish(vec![pattern.parse().unwrap()], NOW).unwrap();
        content.access_epoch += 1;
        drop(content);
        house.store.advance(Duration::from_secs(3));
    };
    change("BINANCE@*@SPOT:tick:sma(*)");
    assert_eq!(brings(&house, 1.0), [signal(1), signal(2)]);
    change("BINANCE@*@SPOT:tick:ema(*)");
    assert_eq!(brings(&house, 2.0), [revoked(1), signal(2)]);
    let reply = subscribe(&house, 3);
    assert_eq!(
        reply["ok"]["streams"][0]["err"]["slug"], "not_in_product",
        "{reply}"
    );
    // Back in it, it may be had again, and then nobody may have anything of it.
    change("*:*:*");
    let reply = subscribe(&house, 4);
    assert_eq!(reply["ok"]["streams"][0]["err"], Value::Null, "{reply}");
    let _ = house.sockets.take_frames(CONNECTION);
    {
        let mut content = house.sockets.content();
        content.products.get_mut("gold").unwrap().retire(NOW);
        content.access_epoch += 1;
    }
    house.store.advance(Duration::from_secs(3));
    assert_eq!(brings(&house, 3.0), [revoked(1), signal(2)]);
}

#[test]
fn a_grant_that_is_taken_back_ends_its_streams_within_seconds() {
    let house = house(86_400);
    assert_eq!(brings(&house, 1.0), [signal(1), signal(2)]);
    {
        let mut content = house.sockets.content();
        content.grants = vec![grant(0)];
        content.access_epoch += 1;
    }
    house.store.advance(Duration::from_secs(3));
    assert_eq!(brings(&house, 2.0), [revoked(1), signal(2)]);
    assert_eq!(brings(&house, 3.0), [signal(2)]);
}

#[test]
fn grants_that_cannot_be_read_withhold_and_end_nothing() {
    let house = house(86_400);
    assert_eq!(brings(&house, 1.0), [signal(1), signal(2)]);
    house.store.advance(Duration::from_secs(300));
    house.sockets.content().down.insert("grants");
    assert_eq!(brings(&house, 2.0), [signal(2)]);
    house.sockets.content().down.remove("grants");
    assert_eq!(
        brings(&house, 3.0),
        [signal(1), signal(2)],
        "the chain shows the hole"
    );
}

#[test]
fn what_cannot_be_known_to_stand_is_not_sent_yet() {
    let house = house(86_400);
    house.store.advance(Duration::from_secs(3));
    house.sockets.content().down.insert("access_epoch");
    tick(&house, PRICED, 1.0);
    let waiting = house.publications();
    assert_eq!(run(house.deliver.deliver(waiting.clone())).len(), waiting.len());
    assert_eq!(house.sockets.take_frames(CONNECTION).len(), 0);
    let reply = say(&house, r#"{"id":3,"op":"list"}"#);
    assert_eq!(reply["err"]["slug"], "unavailable", "{reply}");
    house.sockets.content().down.remove("access_epoch");
    assert_eq!(run(house.deliver.deliver(waiting)), Vec::<String>::new());
    assert_eq!(house.sockets.take_frames(CONNECTION).len(), 1);
}

#[test]
fn who_is_taken_back_is_cut_off() {
    for of in [
        Revoked::User("asha".to_owned()),
        Revoked::Proof("QrHPvTIwzDLVzQJv".to_owned()),
    ] {
        let house = house(86_400);
        let now = UnixNanos(NOW.0 + UnixNanos::PER_SECOND);
        {
            let mut content = house.sockets.content();
            content.revocations.push(Revocation {
                of: of.clone(),
                at: now,
                until: UnixNanos(i64::MAX),
            });
            content.access_epoch += 1;
        }
        house.store.advance(Duration::from_secs(3));
        tick(&house, PRICED, 1.0);
        assert_eq!(run(house.deliver_all()), Vec::<String>::new());
        let frames = house.sockets.take_frames(CONNECTION);
        let told: Vec<Value> = frames.iter().map(|f| serde_json::from_str(f).unwrap()).collect();
        assert_eq!(told.len(), 1, "{of:?}: {told:?}");
        assert_eq!(told[0]["goodbye"]["code"], "revoked");
        let content = house.sockets.content();
        assert!(content.ended.contains(CONNECTION) && content.connections.is_empty());
        assert!(content.subscribers.values().all(|rows| rows.is_empty()));
        drop(content);
        let again = house.identity("asha", Tier::Premium);
        let opened = run(house.connections.open("again", &again));
        assert_eq!(opened.is_err(), matches!(of, Revoked::User(_)), "{of:?}");
    }
}

#[test]
fn who_is_taken_back_is_cut_off_when_he_says_something() {
    let house = house(86_400);
    house.store.advance(Duration::from_secs(3));
    let revocation = Revocation {
        of: Revoked::User("asha".to_owned()),
        at: NOW,
        until: UnixNanos(i64::MAX),
    };
    house.sockets.content().revocations.push(revocation);
    house.sockets.content().access_epoch += 1;
    let reply = say(&house, r#"{"id":3,"op":"list"}"#);
    assert_eq!(reply["err"]["slug"], "session_expired", "{reply}");
    assert!(house.sockets.content().ended.contains(CONNECTION));
}

#[test]
fn an_identity_that_has_expired_is_sent_nothing() {
    let house = house(86_400);
    let expires_at = house.sockets.content().connections[CONNECTION].expires_at;
    let left = expires_at.nanos_since(NOW);
    house.store.advance(Duration::from_nanos(left.unsigned_abs()));
    tick(&house, PRICED, 1.0);
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    let frames = house.sockets.take_frames(CONNECTION);
    let told: Vec<Value> = frames.iter().map(|f| serde_json::from_str(f).unwrap()).collect();
    assert_eq!(told[0]["goodbye"]["code"], "lifetime", "{told:?}");
    assert!(house.sockets.content().ended.contains(CONNECTION));
}

#[test]
fn an_unsubscribe_that_was_broken_off_is_finished_by_the_next_change() {
    let check = |next: &str| {
        let house = house(86_400);
        assert_eq!(brings(&house, 0.5).len(), 2);
        house.sockets.content().down.insert("raise_version");
        let reply = say(&house, r#"{"id":3,"op":"unsubscribe","s":[1,2]}"#);
        assert_eq!(reply["err"]["slug"], "unavailable", "{reply}");
        house.sockets.content().down.remove("raise_version");
        assert_eq!(brings(&house, 1.0).len(), 2, "who delivers was not told");
        let reply = say(&house, next);
        assert!(reply.get("err").is_none(), "{reply}");
        let _ = house.sockets.take_frames(CONNECTION);
        assert_eq!(brings(&house, 2.0), [], "{next}");
    };
    check(r#"{"id":4,"op":"unsubscribe","s":[1,2]}"#);
    check(r#"{"id":4,"op":"unsubscribe","s":[]}"#);
    check(&json!({"id": 4, "op": "subscribe", "streams": [{"key": NIFTY_PRICE, "s": 7}]}).to_string());
}

#[test]
fn an_end_forgets_what_a_broken_off_unsubscribe_left() {
    let house = house(86_400);
    assert_eq!(brings(&house, 1.0).len(), 2);
    house.sockets.content().down.insert("raise_version");
    say(&house, r#"{"id":3,"op":"unsubscribe","s":[1,2]}"#);
    house.sockets.content().down.remove("raise_version");
    run(house.connections.close(CONNECTION)).unwrap();
    assert_eq!(brings(&house, 2.0), [], "who delivers was told");
    let content = house.sockets.content();
    assert!(content.subscribers.values().all(|rows| rows.is_empty()));
}

#[test]
fn rapid_changes_are_a_ban_that_lifts() {
    let house = house(86_400);
    let limits = LimitUse::new(
        house.sockets.clone(),
        house.query.access.clone(),
        house.process.clone(),
    );
    let subscriptions = house.subscriptions.clone().limited_by(limits);
    let mut id = 2;
    let mut change = || {
        id += 1;
        let text = match id % 2 {
            1 => format!(r#"{{"id":{id},"op":"unsubscribe","s":[2]}}"#),
            _ => json!({"id": id, "op": "subscribe", "streams": [{"key": BTC, "s": 2}]}).to_string(),
        };
        let reply = run(subscriptions.request(CONNECTION, &text));
        serde_json::from_str::<Value>(&reply).unwrap()
    };
    // Premium: 20 in 10 s.
    for _ in 0..20 {
        assert_eq!(change()["err"], Value::Null);
    }
    let refused = change();
    assert_eq!(refused["err"]["slug"], "changes_rate", "{refused}");
    assert!(
        refused["err"]["retry_after_ms"].as_u64().unwrap() > 299_000,
        "{refused}"
    );
    // What it has goes on, and what is no change is answered.
    let _ = house.sockets.take_frames(CONNECTION);
    assert_eq!(brings(&house, 1.0).len(), 2);
    let reply = say(&house, r#"{"id":200,"op":"list"}"#);
    assert_eq!(reply["ok"]["list"], json!({"1": GOLD, "2": BTC}));
    house.store.advance(Duration::from_secs(299));
    let reply = run(subscriptions.request(CONNECTION, r#"{"id":300,"op":"unsubscribe","s":[2]}"#));
    assert!(reply.contains("changes_rate"), "{reply}");
    house.store.advance(Duration::from_secs(1));
    let reply = run(subscriptions.request(CONNECTION, r#"{"id":301,"op":"unsubscribe","s":[2]}"#));
    assert!(!reply.contains("err"), "{reply}");
}

#[test]
fn messages_have_a_burst() {
    let house = house(86_400);
    let limits = LimitUse::new(
        house.sockets.clone(),
        house.query.access.clone(),
        house.process.clone(),
    );
    let subscriptions = house.subscriptions.clone().limited_by(limits);
    let list = || run(subscriptions.request(CONNECTION, r#"{"id":9,"op":"list"}"#));
    for _ in 0..200 {
        assert!(!list().contains("err"));
    }
    assert!(list().contains("requests_rate"));
    house.store.advance(Duration::from_secs(6));
    assert!(!list().contains("err"));
}

#[test]
fn pages_of_other_origins_may_not_connect() {
    let check = |origins: &[&str], expected: i64| {
        let house = super::world::house();
        let mut event: Value =
            serde_json::from_str(include_str!("../../../../events/socket-connect.json")).unwrap();
        event["multiValueHeaders"] = json!({});
        event["headers"] = json!({});
        if !origins.is_empty() {
            event["headers"] = json!({"Origin": origins[0]});
            event["multiValueHeaders"] = json!({"Origin": origins});
        }
        let (status, body) = super::world::answer(&house, event);
        assert_eq!(status, expected, "{origins:?}: {body}");
    };
    check(&[], 200);
    check(&["https://app.example.com"], 200);
    for other in [
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "null",
        "*",
        "",
    ] {
        check(&[other], 403);
    }
}

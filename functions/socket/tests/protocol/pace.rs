//! Connections that near their end, and those that do not keep up.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_service::manage_subscription::heartbeat_s;
use tickwire_service::testing_sockets::{House, PRICED};
use tickwire_streams::Offset;
use tickwire_wire::unacknowledged_segments_max;

use super::world::{BTC, CONNECTION, client, greeted, say, subscribe, tick};

const SECOND: Duration = Duration::from_secs(1);

/// Segments, and the latest row behind them.
fn segments(house: &House, count: u64) {
    for n in 0..count {
        tick(house, PRICED, 1.0 + n as f64);
    }
    house.store.advance(2 * SECOND);
    tick(house, PRICED, 1.0);
}

/// The top that a ping is told, and the frames that come with it.
fn ping(house: &House, id: u64, at: Offset) -> (Offset, Vec<Value>) {
    let reply = say(
        house,
        &json!({"id": id, "op": "ping", "at": {"1": at}}).to_string(),
    );
    let top = serde_json::from_value(reply["ok"]["tops"]["1"].clone()).unwrap_or_else(|_| panic!("{reply}"));
    let frames = house.sockets.take_frames(CONNECTION);
    let read = |frame: &String| serde_json::from_str(frame).unwrap();
    (top, frames.iter().map(read).collect())
}

/// A house whose client is just beyond its credit, and where the client stands.
fn behind(mode: &str) -> (House, Offset) {
    let house = greeted();
    let mut client = client();
    tick(&house, PRICED, 1.0);
    subscribe(&house, &mut client, &[(1, BTC)], mode);
    let at = client.streams[&1].chain.last().unwrap();
    segments(&house, unacknowledged_segments_max);
    (house, at)
}

#[test]
fn a_ping_within_the_credit_writes_nothing() {
    let house = greeted();
    let mut client = client();
    tick(&house, PRICED, 1.0);
    subscribe(&house, &mut client, &[(1, BTC)], "full");
    let at = client.streams[&1].chain.last().unwrap();
    segments(&house, unacknowledged_segments_max - 2);
    let updates = |house: &House| house.sockets.content().calls.get("update").copied();
    let before = updates(&house);
    let (_, frames) = ping(&house, 10, at);
    assert_eq!(frames, Vec::<Value>::new());
    assert_eq!(updates(&house), before);
    assert_eq!(house.sockets.content().connections[CONNECTION].owed, None);
}

#[test]
fn who_does_not_keep_up_has_the_latest_only_and_then_goes() {
    let (house, at) = behind("full");
    let (top, frames) = ping(&house, 10, at);
    assert!(top > at);
    assert_eq!(frames, Vec::<Value>::new(), "it is told the top, and has time");
    house.store.advance(10 * SECOND);
    assert_eq!(
        ping(&house, 11, at).1,
        Vec::<Value>::new(),
        "its time is not over"
    );

    house.store.advance(SECOND * heartbeat_s);
    assert_eq!(
        ping(&house, 12, at).1,
        [json!({"downgraded": {"s": [1], "mode": "last"}})]
    );
    let is_last = |house: &House| {
        let content = house.sockets.content();
        let row = content.connections[CONNECTION].subscriptions[0].last;
        let mut subscribers = content.subscribers.values().flat_map(|rows| rows.values());
        (row, subscribers.next().unwrap().subscriptions[0].last)
    };
    assert_eq!(is_last(&house), (true, true));

    house.store.advance(SECOND * heartbeat_s);
    let frames = ping(&house, 13, at).1;
    assert_eq!(frames[0]["goodbye"]["code"], "slow", "{frames:?}");
    let content = house.sockets.content();
    assert!(content.ended.contains(CONNECTION));
    assert!(content.connections.is_empty());
    assert_eq!(content.subscribers.values().flatten().count(), 0);
}

#[test]
fn who_reaches_what_was_told_keeps_up_however_much_came_since() {
    let (house, at) = behind("full");
    let (mut top, _) = ping(&house, 10, at);
    for id in 11..15 {
        segments(&house, 2 * unacknowledged_segments_max);
        house.store.advance(SECOND * heartbeat_s);
        let (next, frames) = ping(&house, id, top);
        assert!(next > top);
        assert_eq!(frames, Vec::<Value>::new(), "ping {id}");
        top = next;
    }
    assert!(!house.sockets.content().connections[CONNECTION].subscriptions[0].last);
}

#[test]
fn mode_last_that_does_not_keep_up_goes_at_once() {
    let (house, at) = behind("last");
    ping(&house, 10, at);
    house.store.advance(SECOND * heartbeat_s);
    let frames = ping(&house, 11, at).1;
    assert_eq!(frames[0]["goodbye"]["code"], "slow", "{frames:?}");
}

#[test]
fn a_connection_is_told_of_its_end_before_it() {
    let house = greeted();
    let mut client = client();
    tick(&house, PRICED, 1.0);
    subscribe(&house, &mut client, &[(1, BTC)], "full");
    let at = client.streams[&1].chain.last().unwrap();
    segments(&house, 1);
    // Its identity ends after ten minutes: two to four of them before that it is told.
    house.store.advance(350 * SECOND);
    assert_eq!(ping(&house, 10, at).1, Vec::<Value>::new());
    house.store.advance(135 * SECOND);
    for id in 11..13 {
        let frames = ping(&house, id, at).1;
        assert_eq!(frames[0]["goodbye"]["code"], "lifetime", "{frames:?}");
        let wait = frames[0]["goodbye"]["reconnect_after_ms"].as_u64().unwrap();
        assert!((1_000..21_000).contains(&wait), "{wait}");
    }
}

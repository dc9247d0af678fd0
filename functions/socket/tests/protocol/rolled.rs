//! What is computed of a future goes on on the next one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_market::Tick;
use tickwire_service::ingest_ticks::Ingest;
use tickwire_service::ports::{Clock as _, Enqueue as _, Outgoing, Queue};
use tickwire_service::run_job::{Job, JobPorts, JobReport, Jobs};
use tickwire_service::testing::Fault;
use tickwire_service::testing_sockets::House;
use tickwire_streams::StreamKey;
use tickwire_wire::{DataFrame, ErrorBody, PlanRow, Sender, decode, ticks_message};

use super::world::{instrument, price, run};

/// Its last day is over since eleven hours when a house begins, and its streams end in thirteen.
const NEAR: &str = "DERIBIT@BTC@FUT@2026-11-17";
const NEXT: &str = "DERIBIT@BTC@FUT@2026-11-27";
const LAST: &str = "DERIBIT@BTC@FUT@2026-12-25";
const TO_THE_END: Duration = Duration::from_secs(13 * 3_600);
const CONNECTION: &str = "c1";

fn ema(of: &str) -> String {
    format!("common:{of}:1m:ema(close,20)")
}

fn streams(keys: &[&str]) -> Vec<StreamKey> {
    keys.iter().map(|key| key.parse().unwrap()).collect()
}

/// A house that knows futures of one series, and computes `keys`.
fn house(known: &[&str], keys: &[&str]) -> House {
    let house = House::new();
    for name in known {
        run(house.know(&instrument(name), &[price(name)])).unwrap();
    }
    run(house.know(&instrument(known[0]), &streams(keys))).unwrap();
    house
}

/// The schedule of a process that has just begun.
fn jobs(house: &House) -> Jobs {
    let ports = house.process.ingest_ports();
    Jobs::new(JobPorts::from(&ports), Arc::new(Ingest::new(ports)))
}

fn clock(house: &House) -> JobReport {
    run(jobs(house).run(Job::Clock)).unwrap()
}

/// What the group computes, prices left out.
fn planned(house: &House) -> Vec<String> {
    let content = house.store.content();
    let (_, bytes) = &content.tables.plans[&house.group_of(&instrument(NEAR))];
    let row: PlanRow = decode(bytes).unwrap();
    let mut keys = row.streams;
    keys.retain(|key| !key.is_empty() && !key.ends_with(":price"));
    keys
}

fn ask(house: &House, text: &str) -> Value {
    serde_json::from_str(&run(house.subscriptions.request(CONNECTION, text))).unwrap()
}

fn subscribe(house: &House, id: u64, s: u32, key: &str) -> Value {
    let streams = json!([{"key": key, "s": s}]);
    let request = json!({"id": id, "op": "subscribe", "streams": streams});
    let mut reply = ask(house, &request.to_string());
    reply["ok"]["streams"][0].take()
}

fn successor(why: &ErrorBody) -> Option<String> {
    why.successor.as_ref().map(ToString::to_string)
}

/// What the connection was sent.
fn items(house: &House) -> Vec<DataFrame> {
    let frames = house.sockets.take_frames(CONNECTION);
    let items = frames
        .iter()
        .flat_map(|frame| serde_json::from_str::<Vec<DataFrame>>(frame).unwrap());
    items.collect()
}

/// A tick of an instrument in each of so many seconds.
fn trade(house: &House, of: &str, seconds: u64) {
    let (began, group) = (house.process.now(), house.group_of(&instrument(of)));
    for nth in 0..seconds {
        house.store.advance(Duration::from_secs(1));
        let now = house.process.now();
        let tick = Tick::at(instrument(of), now, 200.0 + (nth % 97) as f64);
        let sender = Sender {
            group: &group,
            source: "market",
            epoch: began.0.unsigned_abs(),
            seq: nth,
            sent: now,
        };
        let message = Outgoing {
            group: group.to_string(),
            deduplication: format!("market:{}", now.0),
            body: ticks_message(&sender, [&tick]),
        };
        run(house.process.send(Queue::Ticks, message)).unwrap();
    }
    run(house.fold());
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
}

/// The house when the streams of the contract have ended for the schedule, and for whoever reads
/// one of them since an hour before.
fn at_the_end(house: &House, read: &str) {
    house.store.advance(TO_THE_END - Duration::from_secs(3_600));
    run(house.connect(CONNECTION, Tier::Premium));
    assert_eq!(subscribe(house, 2, 1, read)["err"], Value::Null);
    let _ = house.sockets.take_frames(CONNECTION);
    house.store.advance(Duration::from_secs(3_600));
    assert_eq!(clock(house).failed, 0);
}

#[test]
fn who_reads_a_future_is_told_the_next_one_and_has_its_values() {
    // The same from the beginning, by another name.
    let control = format!("common:{NEXT}:1m:ema(close,20)*1");
    let house = house(&[NEAR, NEXT, LAST], &[&ema(NEAR), &control]);
    trade(&house, NEXT, 1_500);

    // Two processes at a time, of which one dies when the plan is sent, and one does not.
    let mut sends = 0;
    house.process.set_script(move |call| {
        sends += u32::from(call.what == "send");
        (sends == 2 && call.what == "send").then_some(Fault::DieAfter)
    });
    assert!(jobs(&house).run(Job::Clock).now_or_never().is_none());
    house.process.set_script(|_| None);
    house.store.advance(Duration::from_secs(1));
    assert_eq!(clock(&house).failed, 0);
    run(house.fold());
    let ahead = [ema(NEAR), control.clone(), ema(NEXT)];
    assert_eq!(planned(&house), ahead, "once, and on the next one alone");
    house.store.advance(Duration::from_secs(1));
    assert_eq!(clock(&house).failed, 0);
    let plans = |house: &House| {
        let content = house.store.content();
        let sent = content.sent.iter().filter(|(queue, _)| *queue == Queue::Ticks);
        sent.filter(|(_, message)| message.body.contains(r#""plan":"#))
            .count()
    };
    let before = plans(&house);
    run(house.fold());
    assert_eq!(house.ingest.stats().set_aside.load(Ordering::Relaxed), 0);

    at_the_end(&house, &ema(NEAR));
    run(house.fold());
    assert_eq!(
        planned(&house),
        ahead[1..],
        "what is computed of the old one ends"
    );
    assert_eq!(plans(&house), before + 1, "and nothing else is asked for");
    ask(&house, r#"{"id":3,"op":"ping","at":{}}"#);
    let told = items(&house);
    assert_eq!(told.len(), 1);
    let why = told[0].err.as_ref().unwrap();
    assert_eq!(
        (&*told[0].k, told[0].s, &*why.slug),
        ("revoked", 1, "contract_expired")
    );
    assert_eq!(why.stream.as_deref(), Some(&*ema(NEAR)));
    assert_eq!(successor(why), Some(ema(NEXT)));
    assert!(
        why.message.ends_with(&format!("It goes on as {}.", ema(NEXT))),
        "{why:?}"
    );
    ask(&house, r#"{"id":4,"op":"ping","at":{}}"#);
    assert_eq!(items(&house), [], "it is told once");
    let list = ask(&house, r#"{"id":5,"op":"list"}"#);
    assert_eq!(list["ok"]["list"], json!({}));
    let content = house.sockets.content();
    assert!(content.subscribers.values().all(|rows| rows.is_empty()));
    drop(content);
    assert_eq!(plans(&house), before + 1, "nobody asks for the old one again");
    let again = subscribe(&house, 6, 1, &ema(NEAR))["err"].take();
    assert_eq!(
        (&again["code"], &again["successor"]),
        (&json!(119), &json!(ema(NEXT)))
    );

    let of_another = format!("personal/ravi:{NEAR}:1m:ema(close,20)");
    let denied = subscribe(&house, 7, 9, &of_another)["err"].take();
    assert_eq!(denied["slug"], "not_yours", "nor is told whether it is computed");

    // It was seeded from the stored bars, and goes on as if it had been there from the beginning.
    assert_eq!(subscribe(&house, 8, 2, &ema(NEXT))["err"], Value::Null);
    assert_eq!(subscribe(&house, 9, 3, &control)["err"], Value::Null);
    let values = |items: &[DataFrame], of: &str| {
        let mut of_kind: Vec<(u32, String)> = items
            .iter()
            .filter(|item| item.k == of)
            .map(|item| (item.s, item.d.as_ref().unwrap()["value"].to_string()))
            .collect();
        of_kind.sort_unstable();
        of_kind
    };
    let snapshots = values(&items(&house), "snapshot");
    assert!(snapshots[0].1.parse::<f64>().is_ok(), "{snapshots:?}");
    trade(&house, NEXT, 130);
    let signals = values(&items(&house), "signal");
    // Of each the minute that was open before, and two more.
    assert_eq!(signals.len(), 6, "{signals:?}");
    let (next, of_control) = signals.split_at(3);
    for (one, other) in next.iter().zip(of_control) {
        assert_eq!((one.0, other.0, &one.1), (2, 3, &other.1));
    }
}

#[test]
fn what_is_refused_is_told_and_found_again() {
    let windows: Vec<String> = (9_990..9_994).map(|n| format!("sma(close,{n})")).collect();
    let large = windows.join("+");
    let personal = |of: &str, more: usize| format!("personal/asha:{of}:1m:{large}+{more}");
    let keys: Vec<String> = (0..10)
        .map(|more| personal(if more == 0 { NEAR } else { LAST }, more))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let house = house(&[NEAR, NEXT, LAST], &keys);
    assert_eq!(planned(&house).len(), 10, "as much as one user may have");
    assert_eq!(clock(&house).failed, 0);
    run(house.fold());
    assert_eq!(house.ingest.stats().set_aside.load(Ordering::Relaxed), 1);
    let group = house.group_of(&instrument(NEAR));
    let segments = house.store.content().segments(&group);
    let refused = segments.iter().flat_map(|(_, segment)| &segment.set_aside);
    let refused: Vec<_> = refused.map(|row| (&*row.code, &*row.detail)).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, "user_full");
    assert!(refused[0].1.contains(&personal(NEXT, 0)), "{refused:?}");

    at_the_end(&house, keys[0]);
    ask(&house, r#"{"id":3,"op":"ping","at":{}}"#);
    let told = items(&house);
    let why = told[0].err.as_ref().unwrap();
    assert_eq!(successor(why), Some(personal(NEXT, 0)));
    assert!(why.message.contains("nobody computes yet"), "{why:?}");
    // What has ended made room.
    run(house.fold());
    assert!(planned(&house).contains(&personal(NEXT, 0)));
    assert_eq!(house.ingest.stats().set_aside.load(Ordering::Relaxed), 1);
}

#[test]
fn the_last_one_that_is_listed_ends_without_a_next() {
    let spread = format!("common:{NEAR}:1m:close-close[{NEXT}]");
    for (known, key) in [(&[NEAR][..], ema(NEAR)), (&[NEAR, NEXT][..], spread)] {
        let house = house(known, &[&key]);
        at_the_end(&house, &key);
        run(house.fold());
        assert_eq!(planned(&house), [""; 0]);
        ask(&house, r#"{"id":3,"op":"ping","at":{}}"#);
        let told = items(&house);
        let why = told[0].err.as_ref().unwrap();
        assert_eq!((&*why.slug, &why.successor), ("contract_expired", &None));
        assert_eq!(why.message, "Trading in the contract has ended.");
    }
}

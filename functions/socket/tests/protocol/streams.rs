//! Snapshots, resumes, pings.

use std::time::Duration;

use serde_json::json;
use tickwire_service::ports::{Enqueue as _, Outgoing, Queue};
use tickwire_service::testing::Fault;
use tickwire_service::testing_sockets::{PRICED, Post};

use super::world::{
    BTC, CONNECTION, NIFTY, NIFTY_PRICE, client, deliver, greeted, instrument, run, say, subscribe, tick,
};

#[test]
fn a_first_subscription_starts_the_stream() {
    let house = greeted();
    let sma = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,2)";
    let mut client = client();
    let verdicts = subscribe(&house, &mut client, &[(7, sma)], "full");
    assert_eq!((verdicts[0].top, verdicts[0].recovered), (None, None));
    assert_eq!(client.streams[&7].snapshots, 1, "an absence is a snapshot");
    let asked = house
        .store
        .content()
        .sent
        .iter()
        .filter(|(queue, m)| *queue == Queue::Ticks && m.body.contains(sma))
        .count();
    assert_eq!(asked, 1);
    run(house.fold());
    tick(&house, PRICED, 10.0);
    tick(&house, PRICED, 20.0);
    deliver(&house, &mut client);
    assert_eq!(client.streams[&7].signals(), 2);
    assert!(!client.streams[&7].has_hole());
    let verdicts = subscribe(&house, &mut client, &[(7, sma)], "full");
    assert_eq!((verdicts[0].recovered, verdicts[0].more), (Some(true), false));
}

#[test]
fn a_snapshot_is_at_the_head_of_the_log() {
    let house = greeted();
    tick(&house, PRICED, 10.0);
    // The latest row is written once a second; this one is in the log alone.
    tick(&house, PRICED, 11.5);
    let mut client = client();
    let verdicts = subscribe(&house, &mut client, &[(1, BTC)], "full");
    let top = verdicts[0].top.unwrap();
    let stream = &client.streams[&1];
    assert_eq!((stream.chain.last(), stream.snapshots), (Some(top), 1));
    // What was published before the subscription is known.
    deliver(&house, &mut client);
    assert_eq!(client.streams[&1].signals(), 0);
    tick(&house, PRICED, 12.0);
    deliver(&house, &mut client);
    assert_eq!(client.streams[&1].signals(), 1);
}

#[test]
fn resume_is_whole_or_a_snapshot() {
    let house = greeted();
    let mut client = client();
    tick(&house, PRICED, 1.0);
    subscribe(&house, &mut client, &[(1, BTC)], "full");
    let _ = house.publications();
    for n in 1..=700 {
        tick(&house, PRICED, f64::from(n));
        if n % 100 == 0 {
            // So that latest rows lie between.
            house.store.advance(Duration::from_secs(1));
        }
    }
    let _ = house.publications();
    let mut pulls = Vec::new();
    loop {
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], "full").remove(0);
        assert_eq!(verdict.recovered, Some(true));
        pulls.push(client.streams[&1].signals());
        if !verdict.more {
            assert_eq!(client.streams[&1].chain.last(), verdict.top);
            break;
        }
    }
    assert_eq!(pulls, [300, 600, 700]);

    // Of mode last one item stands for all.
    let taken = client.streams[&1].taken.len();
    tick(&house, PRICED, 5.0);
    tick(&house, PRICED, 6.0);
    let verdict = subscribe(&house, &mut client, &[(1, BTC)], "last").remove(0);
    assert_eq!((verdict.recovered, verdict.more), (Some(true), false));
    assert_eq!(
        (client.streams[&1].taken.len(), client.streams[&1].signals()),
        (taken + 1, 702)
    );

    // Another epoch: nothing can be said of what lay between.
    client.streams.get_mut(&1).unwrap().epoch = Some("other".into());
    let verdict = subscribe(&house, &mut client, &[(1, BTC)], "full").remove(0);
    assert_eq!(
        (verdict.recovered, client.streams[&1].snapshots),
        (Some(false), 2)
    );

    // An offset that the stream never had.
    for offset in [1u64, u64::from(u32::MAX) << 16] {
        let id = {
            client.id += 1;
            client.id
        };
        let epoch = verdict.epoch.clone().unwrap();
        let body = json!({"id": id, "op": "subscribe", "streams": [
            {"key": BTC, "s": 1, "since": {"epoch": epoch, "offset": offset}}]});
        assert_eq!(
            say(&house, &body.to_string())["ok"]["streams"][0]["recovered"],
            false,
            "{offset}"
        );
    }
}

#[test]
fn a_resume_from_what_has_expired_is_a_snapshot() {
    for mode in ["full", "last"] {
        let house = greeted();
        let mut client = client();
        tick(&house, PRICED, 1.0);
        subscribe(&house, &mut client, &[(1, BTC)], mode);
        for n in 2..=9 {
            tick(&house, PRICED, f64::from(n));
            house.store.advance(Duration::from_secs(1));
        }
        let _ = house.publications();
        let group = house.group_of(&instrument(PRICED));
        let last = *house.store.content().tables.log[&group].keys().last().unwrap();
        let gone: Vec<u64> = (1..last - 3).collect();
        house.store.content().tables.forget(&group, &gone);
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], mode).remove(0);
        let stream = &client.streams[&1];
        assert_eq!((verdict.recovered, stream.snapshots), (Some(false), 2), "{mode}");
        assert_eq!(stream.chain.last(), verdict.top);
        // From there on it misses nothing.
        tick(&house, PRICED, 10.0);
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], mode).remove(0);
        assert_eq!(verdict.recovered, Some(true), "{mode}");
    }
}

#[test]
fn a_resume_beyond_the_bound_on_log_is_a_snapshot() {
    let house = greeted();
    let mut client = client();
    let wanted = [(1, BTC), (2, NIFTY_PRICE)];
    tick(&house, PRICED, 1.0);
    tick(&house, NIFTY, 1.0);
    subscribe(&house, &mut client, &wanted, "full");
    // What is set aside is kept in the log with its reason, so five such messages fill more than 4 MB.
    let group = house.group_of(&instrument(PRICED)).to_string();
    let bad = vec![format!("\"{}\"", "x".repeat(198)); 4_000].join(",");
    for n in 0..5 {
        let body = format!(
            r#"{{"v":1,"group":"{group}","source":"bad","epoch":1,"seq":{},"sent":1,"ticks":[{bad}]}}"#,
            n * 4_000
        );
        let message = Outgoing {
            group: group.clone(),
            deduplication: format!("bad:{n}"),
            body,
        };
        run(house.process.send(Queue::Ticks, message)).unwrap();
    }
    run(house.fold());
    // So that a latest row follows.
    house.store.advance(Duration::from_secs(60));
    tick(&house, PRICED, 2.0);
    tick(&house, NIFTY, 2.0);
    let verdicts = subscribe(&house, &mut client, &wanted, "full");
    assert_eq!(
        verdicts
            .iter()
            .map(|verdict| verdict.recovered)
            .collect::<Vec<_>>(),
        [Some(false), Some(true)]
    );
    assert_eq!(
        (client.streams[&1].snapshots, client.streams[&2].snapshots),
        (2, 1)
    );
    for s in [1, 2] {
        assert_eq!(client.streams[&s].chain.last(), verdicts[s as usize - 1].top);
    }
}

#[test]
fn two_groups_in_one_request() {
    let house = greeted();
    let mut client = client();
    let both = [(1, BTC), (2, NIFTY_PRICE)];
    let verdicts = subscribe(&house, &mut client, &both, "full");
    assert_eq!(verdicts.len(), 2);
    assert_ne!(verdicts[0].epoch, verdicts[1].epoch);
    for n in 1..=5 {
        tick(&house, PRICED, f64::from(n));
        tick(&house, NIFTY, f64::from(n));
    }
    deliver(&house, &mut client);
    for s in [1, 2] {
        assert_eq!(client.streams[&s].signals(), 5, "stream {s}");
    }
    let reply = say(&house, r#"{"id":9,"op":"ping","at":{"1":0}}"#);
    house.store.advance(Duration::from_secs(5));
    tick(&house, PRICED, 9.0);
    tick(&house, NIFTY, 9.0);
    deliver(&house, &mut client);
    let later = say(&house, r#"{"id":10,"op":"ping"}"#);
    for s in [1, 2] {
        let last = client.streams[&s].chain.last().unwrap();
        assert_eq!(
            later["ok"]["tops"][s.to_string()],
            last.0,
            "stream {s}: {reply} {later}"
        );
    }
}

#[test]
fn a_ping_asks_again_for_what_nobody_computes() {
    let house = greeted();
    let mut client = client();
    let sma = "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,2)";
    subscribe(&house, &mut client, &[(7, sma)], "full");
    let asked = || {
        let content = house.store.content();
        content
            .sent
            .iter()
            .filter(|(queue, message)| *queue == Queue::Ticks && message.body.contains(sma))
            .count()
    };
    assert_eq!(asked(), 1);
    // The message is lost.
    house.store.content().sent.clear();
    house.store.advance(Duration::from_secs(60));
    assert!(say(&house, r#"{"id":8,"op":"ping"}"#)["ok"].is_object());
    assert_eq!(asked(), 1);
}

#[test]
fn a_replay_that_is_not_taken_is_asked_for_again() {
    let house = greeted();
    let mut client = client();
    tick(&house, PRICED, 1.0);
    subscribe(&house, &mut client, &[(1, BTC)], "full");
    tick(&house, PRICED, 2.0);
    for outcome in [Post::Throttled, Post::Lost] {
        house.sockets.on_post(move |_| outcome);
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], "full").remove(0);
        assert_eq!(
            (verdict.recovered, verdict.more),
            (Some(true), true),
            "{outcome:?}"
        );
    }
    house.sockets.on_post(|_| Post::Gone);
    tick(&house, PRICED, 3.0);
    let _ = run(house
        .subscriptions
        .request(CONNECTION, &client.subscribe(&[(1, BTC)], "full")));
    assert!(
        house.sockets.content().connections.is_empty(),
        "what is gone is forgotten"
    );
}

#[test]
fn a_fault_of_any_port_is_an_error_and_trying_again_works() {
    for what in ["connection", "update", "raise_version"] {
        let house = greeted();
        tick(&house, PRICED, 1.0);
        house.sockets.content().down.insert(what);
        let mut client = client();
        let reply = say(&house, &client.subscribe(&[(1, BTC)], "full"));
        assert_eq!(reply["err"]["slug"], "unavailable", "{what}: {reply}");
        house.sockets.content().down.clear();
        let verdict = subscribe(&house, &mut client, &[(1, BTC)], "full").remove(0);
        assert_eq!((verdict.err, client.streams[&1].snapshots), (None, 1), "{what}");
    }
    for what in ["views", "read", "send"] {
        let house = greeted();
        tick(&house, PRICED, 1.0);
        house
            .process
            .set_script(move |call| (call.what == what).then_some(Fault::Before));
        let mut client = client();
        let wanted = [(1, BTC), (2, "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,2)")];
        let reply = say(&house, &client.subscribe(&wanted, "full"));
        assert_eq!(reply["err"]["slug"], "unavailable", "{what}: {reply}");
        house.process.set_script(|_| None);
        let verdicts = subscribe(&house, &mut client, &wanted, "full");
        assert_eq!((verdicts.len(), client.streams[&1].snapshots), (2, 1), "{what}");
    }
}

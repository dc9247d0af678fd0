//! Replays the sample events, and speaks the protocol over twins of all ports.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

mod client;

use std::time::Duration;

use aws_lambda_events::encodings::Body;
use client::Client;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tickwire_entitlements::{Grant, Tier};
use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_service::ports::{Enqueue as _, Outgoing, Queue};
use tickwire_service::testing_sockets::{House, NOW, PRICED, Post};
use tickwire_socket::{Socket, handle};
use tickwire_streams::StreamKey;

/// The connection of the sample events.
const CONNECTION: &str = "JKJaXd6WPHcCEtA=";
const BTC: &str = "public:BINANCE@BTCUSDT@SPOT:tick:price";
const NIFTY: &str = "NSE@NIFTY@IDX";
const NIFTY_PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

fn run<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing waits")
}

fn instrument(text: &str) -> InstrumentKey {
    text.parse().unwrap()
}

fn price(text: &str) -> StreamKey {
    StreamKey::price(instrument(text))
}

/// A house that knows two instruments of two groups.
fn house() -> House {
    let house = House::new();
    for name in [PRICED, NIFTY] {
        let bars = StreamKey::bars(instrument(name), Timeframe::MINUTE);
        run(house.know(&instrument(name), &[price(name), bars])).unwrap();
    }
    house
}

/// The status and body with which the socket answers a sample event, with another body if one is given.
fn replay(house: &House, name: &str, body: Option<&str>) -> (i64, String) {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if let Some(body) = body {
        event["body"] = body.into();
    }
    answer(house, event)
}

fn answer(house: &House, event: Value) -> (i64, String) {
    let socket = Socket {
        connections: house.connections.clone(),
        subscriptions: house.subscriptions.clone(),
    };
    let response = run(handle(&socket, serde_json::from_value(event).unwrap()));
    let body = match response.body {
        Some(Body::Text(text)) => text,
        None => String::new(),
        Some(other) => panic!("{other:?}"),
    };
    (response.status_code, body)
}

fn say(house: &House, body: &str) -> Value {
    let (status, text) = replay(house, "socket-hello", Some(body));
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

/// A house with the connection of the sample events open and greeted.
fn greeted() -> House {
    let house = house();
    assert_eq!(replay(&house, "socket-connect", None).0, 200);
    assert_eq!(replay(&house, "socket-hello", None).0, 200);
    house
}

fn tick(house: &House, name: &str, price: f64) {
    run(house.tick(&instrument(name), price)).unwrap();
    run(house.fold());
}

fn subscribe(
    house: &House,
    client: &mut Client,
    wanted: &[(u32, &str)],
    mode: &str,
) -> Vec<tickwire_wire::StreamVerdict> {
    let reply = run(house
        .subscriptions
        .request(CONNECTION, &client.subscribe(wanted, mode)));
    client.frames(&house.sockets.take_frames(CONNECTION));
    client.reply(&reply)
}

fn client() -> Client {
    Client {
        id: 1,
        ..Client::default()
    }
}

fn deliver(house: &House, client: &mut Client) {
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
    client.frames(&house.sockets.take_frames(CONNECTION));
}

// ------------------------------------------------------------ connections

#[test]
fn sample_events_are_answered() {
    let house = house();
    assert_eq!(replay(&house, "socket-connect", None), (200, String::new()));
    let row = house.sockets.content().connections[CONNECTION].clone();
    assert_eq!(
        (row.user.as_str(), row.tier, row.opened_at),
        ("asha", Tier::Premium, NOW)
    );
    assert_eq!(
        row.expires_at,
        UnixNanos::from_millis(1_795_000_600_000),
        "the identity's end is before the lifetime's"
    );

    let (status, text) = replay(&house, "socket-hello", None);
    let welcome: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    let expected = json!({"id": 1, "ok": {
        "protocol": "tickwire.v1", "session": CONNECTION, "tier": "premium", "universe": "live",
        "limits": {"subscriptions_max": 50, "message_bytes_max": 32_768, "frames_per_minute_max": 5_000},
        "heartbeat_s": 60, "server_time": NOW.0, "expires_at": 1_795_000_600_000_000_000_i64,
    }});
    assert_eq!(welcome, expected);

    let (status, text) = replay(&house, "socket-subscribe", None);
    let reply: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    assert_eq!(
        reply["ok"]["list"],
        json!({"3": BTC, "4": "public:BINANCE@BTCUSDT@SPOT:1m:bars"})
    );
    assert_eq!(house.sockets.content().subscribers.values().flatten().count(), 1);

    assert_eq!(replay(&house, "socket-disconnect", None), (200, String::new()));
    let content = house.sockets.content();
    assert!(content.connections.is_empty());
    assert_eq!(content.subscribers.values().flatten().count(), 0);
}

#[test]
fn connecting_is_refused() {
    let connect = |house: &House, change: &dyn Fn(&mut Value)| {
        let path = format!("{}/../../events/socket-connect.json", env!("CARGO_MANIFEST_DIR"));
        let mut event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        change(&mut event["requestContext"]);
        let (status, body) = answer(house, event);
        let body: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&body).unwrap()
        };
        (
            status,
            body["error"]["slug"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let check = |change: &dyn Fn(&mut Value), status: i64, slug: &str| {
        assert_eq!(connect(&house(), change), (status, slug.to_owned()));
    };
    check(&|_| {}, 200, "");
    check(
        &|context| context["authorizer"] = json!({}),
        401,
        "ticket_invalid",
    );
    check(
        &|context| context["authorizer"]["tier"] = "gold".into(),
        401,
        "ticket_invalid",
    );
    check(
        &|context| context["authorizer"]["expires_at_ms"] = "1794999999999".into(),
        401,
        "session_expired",
    );
    check(&|context| context["connectionId"] = Value::Null, 500, "internal");

    let house = house();
    let free = |n: u32| {
        move |context: &mut Value| {
            context["authorizer"]["tier"] = "free".into();
            context["connectionId"] = format!("c{n}").into();
        }
    };
    for n in 0..Tier::Free.limits().connections_max {
        assert_eq!(connect(&house, &free(n)).0, 200);
    }
    assert_eq!(connect(&house, &free(99)), (429, "connections_max".to_owned()));

    house.sockets.content().down.insert("count");
    assert_eq!(
        connect(&house, &free(1)),
        (503, "unavailable".to_owned()),
        "what cannot be counted is not let in"
    );
}

#[test]
fn goodbyes_spread_the_return() {
    let house = greeted();
    let connections: Vec<String> = (0..500).map(|n| format!("c{n}")).collect();
    run(house.connections.say_goodbye(
        &connections,
        tickwire_service::open_connection::GoodbyeCode::Shutdown,
    ));
    let said = |n: usize| house.sockets.content().frames[&format!("c{n}")][0].to_string();
    assert_eq!(
        said(0),
        r#"{"goodbye":{"code":"shutdown","reconnect_after_ms":1000}}"#
    );
    assert_eq!(
        said(499),
        r#"{"goodbye":{"code":"shutdown","reconnect_after_ms":2996}}"#
    );
}

// ---------------------------------------------------------------- requests

#[test]
fn wrong_requests_have_their_errors() {
    let check = |body: &str, slug: &str| {
        let reply = say(&greeted(), body);
        assert_eq!(reply["err"]["slug"], slug, "{body}: {reply}");
    };
    check("", "message_malformed");
    check("{", "message_malformed");
    check("[]", "message_malformed");
    check(r#"{"op":"list"}"#, "message_malformed");
    check(r#"{"id":-1,"op":"list"}"#, "message_malformed");
    check(r#"{"id":2}"#, "message_malformed");
    check(r#"{"id":2,"op":"dance"}"#, "operation_unknown");
    check(r#"{"id":2,"op":"list","more":1}"#, "message_malformed");
    check(r#"{"id":1,"op":"list"}"#, "request_stale");
    check(r#"{"id":2,"op":"subscribe","streams":[]}"#, "parameter_invalid");
    check(r#"{"id":2,"op":"hello","universe":"Mars"}"#, "parameter_invalid");
    check(
        &format!(r#"{{"id":2,"op":"list","x":"{}"}}"#, "x".repeat(40_000)),
        "message_too_large",
    );
    let streams = vec![format!(r#"{{"key":"{BTC}","s":1}}"#); 101].join(",");
    check(
        &format!(r#"{{"id":2,"op":"subscribe","streams":[{streams}]}}"#),
        "streams_per_request_max",
    );

    let house = greeted();
    let (_, text) = replay(&house, "socket-binary", None);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["err"]["slug"],
        "binary_not_taken"
    );
    house.sockets.content().down.insert("connection");
    let reply = say(&house, r#"{"id":2,"op":"list"}"#);
    assert_eq!(
        (
            reply["err"]["slug"].as_str(),
            reply["err"]["retry_after_ms"].as_u64()
        ),
        (Some("unavailable"), Some(1_000))
    );
}

#[test]
fn hello_comes_first_and_sessions_end() {
    let house = house();
    assert_eq!(replay(&house, "socket-connect", None).0, 200);
    assert_eq!(
        say(&house, r#"{"id":1,"op":"list"}"#)["err"]["slug"],
        "hello_first"
    );
    assert_eq!(
        say(&house, r#"{"id":0,"op":"hello"}"#)["err"]["slug"],
        "request_stale",
        "ids rise from 1"
    );
    assert_eq!(
        say(&house, r#"{"id":1,"op":"hello","universe":"sim-demo"}"#)["ok"]["universe"],
        "sim-demo"
    );
    assert_eq!(say(&house, r#"{"id":2,"op":"list"}"#)["ok"]["list"], json!({}));
    house.store.advance(Duration::from_secs(601));
    assert_eq!(
        say(&house, r#"{"id":3,"op":"list"}"#)["err"]["slug"],
        "session_expired"
    );
    assert_eq!(replay(&house, "socket-disconnect", None).0, 200);
    assert_eq!(
        say(&house, r#"{"id":4,"op":"list"}"#)["err"]["slug"],
        "session_expired"
    );
}

#[test]
fn each_stream_has_its_verdict() {
    let house = greeted();
    let until = UnixNanos(i64::MAX);
    let grant = |product: &str, until| Grant {
        user: "asha".into(),
        product: product.into(),
        from: UnixNanos(0),
        until,
        trial: false,
    };
    house.sockets.content().grants = vec![grant("mine", until), grant("over", NOW)];
    let check = |key: &str, slug: &str, says: &str| {
        let id = house.sockets.content().connections[CONNECTION].request_id + 1;
        let body = json!({"id": id, "op": "subscribe", "streams": [{"key": key, "s": id}]});
        let reply = say(&house, &body.to_string());
        let verdict = &reply["ok"]["streams"][0];
        assert_eq!(
            verdict["err"]["slug"].as_str().unwrap_or("ok"),
            slug,
            "{key}: {reply}"
        );
        assert!(
            verdict["err"]["message"]
                .as_str()
                .unwrap_or_default()
                .contains(says),
            "{key}: {reply}"
        );
        if slug != "ok" {
            assert_eq!(verdict["err"]["stream"], key);
            assert_eq!(reply["ok"]["list"].get(id.to_string()), None);
        }
    };
    check(BTC, "ok", "");
    check("nonsense", "stream_malformed", "class:instrument");
    check("public:BTC:tick:price", "stream_malformed", "");
    check(
        "common:BINANCE@BTCUSDT@SPOT:1m:rsl(14)",
        "expression_invalid",
        "did you mean `rsi`",
    );
    check(
        "common:BINANCE@BTCUSDT@SPOT:1m:rsi(14)",
        "expression_invalid",
        "rsi(close,14)",
    );
    check("common:BINANCE@BTCUSDT@SPOT:1m:rsi(close,14)", "ok", "");
    check(
        "public:BINANCE@ETHUSDT@SPOT:tick:price",
        "instrument_unknown",
        "BINANCE@ETHUSDT@SPOT",
    );
    check("public:NASDAQ@AAPL@EQ:tick:price", "instrument_unknown", "");
    check("marketplace/mine:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)", "ok", "");
    check(
        "marketplace/over:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)",
        "grant_required",
        "ended",
    );
    check(
        "marketplace/none:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)",
        "grant_required",
        "grant",
    );
    check("personal/asha:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)", "ok", "");
    check(
        "personal/ravi:BINANCE@BTCUSDT@SPOT:1m:sma(close,3)",
        "not_yours",
        "",
    );
    house.sockets.content().down.insert("grants");
    check(
        "marketplace/mine:BINANCE@BTCUSDT@SPOT:1m:sma(close,5)",
        "entitlement_unreadable",
        "",
    );
    house
        .sockets
        .content()
        .connections
        .get_mut(CONNECTION)
        .unwrap()
        .tier = Tier::Free;
    check(
        "marketplace/mine:BINANCE@BTCUSDT@SPOT:1m:sma(close,4)",
        "entitlement_required",
        "",
    );
    let id = house.sockets.content().connections[CONNECTION].request_id + 1;
    let body = json!({"id": id, "op": "subscribe", "streams": [{"key": "personal/asha:NSE@NIFTY@IDX:1m:sma(close,3)", "s": id}]});
    assert_eq!(
        say(&house, &body.to_string())["ok"]["streams"][0]["err"]["required"],
        "premium"
    );
}

#[test]
fn handles_and_limits_are_kept() {
    let house = greeted();
    house
        .sockets
        .content()
        .connections
        .get_mut(CONNECTION)
        .unwrap()
        .tier = Tier::Free;
    let reply = say(&house, &json!({"id": 2, "op": "subscribe", "streams": [
        {"key": BTC, "s": 1}, {"key": BTC, "s": 1}, {"key": NIFTY_PRICE, "s": 1}, {"key": NIFTY_PRICE, "s": 2},
    ]}).to_string());
    let slugs = |reply: &Value| -> Vec<String> {
        let verdicts = reply["ok"]["streams"].as_array().unwrap().iter();
        verdicts
            .map(|verdict| verdict["err"]["slug"].as_str().unwrap_or("ok").to_owned())
            .collect()
    };
    assert_eq!(
        slugs(&reply),
        ["ok", "parameter_invalid", "handle_taken", "parameter_invalid"]
    );
    let sma = |n: u32| format!("common:NSE@NIFTY@IDX:1m:sma(close,{n})");
    let reply = say(&house, &json!({"id": 3, "op": "subscribe", "streams": [
        {"key": BTC, "s": 9}, {"key": BTC, "s": 1, "mode": "last"}, {"key": sma(2), "s": 2}, {"key": sma(3), "s": 3},
        {"key": sma(4), "s": 4}, {"key": sma(5), "s": 5}, {"key": sma(6), "s": 6},
    ]}).to_string());
    // The stream stood twice in the request; the second is judged as such, whatever became of the first.
    assert_eq!(
        slugs(&reply),
        [
            "handle_taken",
            "parameter_invalid",
            "ok",
            "ok",
            "ok",
            "ok",
            "subscriptions_max"
        ]
    );
    let reply = say(&house, r#"{"id":4,"op":"unsubscribe","s":[3,4,77]}"#);
    assert_eq!(
        reply["ok"],
        json!({"streams": [], "list": {"1": BTC, "2": sma(2), "5": sma(5)}})
    );
    let reply = say(
        &house,
        &json!({"id": 5, "op": "subscribe", "streams": [{"key": sma(6), "s": 6}]}).to_string(),
    );
    assert_eq!(slugs(&reply), ["ok"]);
    assert_eq!(
        say(&house, r#"{"id":6,"op":"hello","universe":"sim-x"}"#)["err"]["slug"],
        "parameter_invalid"
    );
    let reply = say(&house, r#"{"id":7,"op":"unsubscribe","s":[1,2,5,6]}"#);
    assert_eq!(reply["ok"]["list"], json!({}));
    assert_eq!(house.sockets.content().subscribers.values().flatten().count(), 0);
}

// ----------------------------------------------------------------- streams

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
    assert_eq!(client.streams[&7].signals, 2);
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
    assert_eq!(client.streams[&1].signals, 0);
    tick(&house, PRICED, 12.0);
    deliver(&house, &mut client);
    assert_eq!(client.streams[&1].signals, 1);
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
        pulls.push(client.streams[&1].signals);
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
        (client.streams[&1].taken.len(), client.streams[&1].signals),
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
        assert_eq!(client.streams[&s].signals, 5, "stream {s}");
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
    for what in ["connection", "update", "put_subscriber"] {
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
    for what in ["group", "plan", "latest", "read", "send"] {
        let house = greeted();
        tick(&house, PRICED, 1.0);
        house
            .process
            .set_script(move |call| (call.what == what).then_some(tickwire_service::testing::Fault::Before));
        let mut client = client();
        let wanted = [(1, BTC), (2, "common:BINANCE@BTCUSDT@SPOT:tick:sma(close,2)")];
        let reply = say(&house, &client.subscribe(&wanted, "full"));
        assert_eq!(reply["err"]["slug"], "unavailable", "{what}: {reply}");
        house.process.set_script(|_| None);
        let verdicts = subscribe(&house, &mut client, &wanted, "full");
        assert_eq!((verdicts.len(), client.streams[&1].snapshots), (2, 1), "{what}");
    }
}

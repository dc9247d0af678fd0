//! How connections begin and end, and which requests are refused.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_entitlements::{Grant, Policy, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::open_connection::GoodbyeCode;
use tickwire_service::testing::by_turns;
use tickwire_service::testing_sockets::{House, NOW, PRICED};

use super::world::{
    BTC, CONNECTION, NIFTY_PRICE, answer, client, deliver, greeted, house, replay, run, say, subscribe, tick,
};

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

/// The status of a `$connect`, and the slug of its error.
fn connect(house: &House, change: &dyn Fn(&mut Value)) -> (i64, String) {
    let path = format!("{}/../../events/socket-connect.json", env!("CARGO_MANIFEST_DIR"));
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    change(&mut event["requestContext"]);
    let (status, body) = answer(house, event);
    let body: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&body).unwrap()
    };
    let slug = body["error"]["slug"].as_str();
    (status, slug.unwrap_or_default().to_owned())
}

/// Makes it the `$connect` of the `n`th connection of one user of tier free.
fn free(n: u32) -> impl Fn(&mut Value) {
    move |context| {
        context["authorizer"]["tier"] = "free".into();
        context["connectionId"] = format!("c{n}").into();
    }
}

#[test]
fn connecting_is_refused() {
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
    for n in 0..Tier::Free.limits().connections_max {
        assert_eq!(connect(&house, &free(n)).0, 200);
    }
    assert_eq!(connect(&house, &free(99)), (429, "connections_max".to_owned()));

    house.sockets.content().down.insert("connections_of");
    assert_eq!(
        connect(&house, &free(1)),
        (503, "unavailable".to_owned()),
        "what cannot be counted is not let in"
    );
}

#[test]
fn connections_whose_end_nobody_was_told_make_room() {
    let house = house();
    let full = (429, "connections_max".to_owned());
    let max = Tier::Free.limits().connections_max;
    for n in 0..max {
        assert_eq!(connect(&house, &free(n)).0, 200);
    }
    house.sockets.content().ended.insert("c0".to_owned());
    assert_eq!(connect(&house, &free(90)), full, "it may still be being opened");

    house.store.advance(Duration::from_secs(31));
    house.sockets.content().down.insert("stands");
    assert_eq!(connect(&house, &free(91)), full, "nobody knows whether it stands");
    house.sockets.content().down.clear();
    assert_eq!(connect(&house, &free(92)).0, 200);
    assert_eq!(connect(&house, &free(93)), full, "all others stand");
    let mut stands: Vec<_> = (1..max).map(|n| format!("c{n}")).collect();
    stands.push("c92".to_owned());
    stands.sort();
    let content = house.sockets.content();
    assert_eq!(content.connections.keys().cloned().collect::<Vec<_>>(), stands);
}

#[test]
fn goodbyes_spread_the_return() {
    let house = greeted();
    let connections: Vec<String> = (0..500).map(|n| format!("c{n}")).collect();
    run(house.connections.say_goodbye(&connections, GoodbyeCode::Shutdown));
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
        version: 1,
    };
    house.sockets.sell("mine", Policy::Locked, &[&["*:*:*"]]);
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
    // What was read is kept so long.
    house.store.advance(Duration::from_secs(300));
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
fn what_is_denied_when_asked_for_again_is_served_no_longer() {
    let house = greeted();
    let grant = |until| Grant {
        user: "asha".into(),
        product: "mine".into(),
        from: UnixNanos(0),
        until,
        trial: false,
        version: 1,
    };
    let key = "marketplace/mine:BINANCE@BTCUSDT@SPOT:tick:close>ema(close,3)";
    house.sockets.sell("mine", Policy::Locked, &[&["*:*:*"]]);
    house.sockets.content().grants = vec![grant(UnixNanos(i64::MAX))];
    let mut client = client();
    subscribe(&house, &mut client, &[(1, BTC), (2, key)], "full");
    run(house.fold());
    tick(&house, PRICED, 1.0);
    deliver(&house, &mut client);
    assert_eq!(
        (client.streams[&1].signals(), client.streams[&2].signals()),
        (1, 1)
    );

    {
        let mut content = house.sockets.content();
        content.grants = vec![grant(NOW)];
        content.access_epoch += 1;
    }
    house.store.advance(Duration::from_secs(3));
    let again = client.subscribe(&[(2, key)], "full");
    let reply: Value = serde_json::from_str(&run(house.subscriptions.request(CONNECTION, &again))).unwrap();
    assert_eq!(reply["ok"]["streams"][0]["err"]["slug"], "grant_required");
    let id = client.id + 1;
    let list = say(&house, &json!({"id": id, "op": "list"}).to_string());
    assert_eq!(list["ok"]["list"], json!({"1": BTC}));
    tick(&house, PRICED, 2.0);
    deliver(&house, &mut client);
    assert_eq!(
        (client.streams[&1].signals(), client.streams[&2].signals()),
        (2, 1)
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

#[test]
fn a_close_among_the_calls_of_a_subscribe_leaves_nothing() {
    // What the turns of the two may be: the bits say whose is next while both are at work.
    const TURNS: u32 = 9;
    let mut outcomes = [0; 2];
    for turns in 0..1_u32 << TURNS {
        let house = greeted();
        // It has something already, and its close would have found only that.
        subscribe(&house, &mut client(), &[(1, BTC)], "full");
        house.sockets.pause_at_calls();
        let request = json!({"id": 3, "op": "subscribe", "streams": [{"key": NIFTY_PRICE, "s": 2}]});
        let request = request.to_string();
        let subscribing = house.subscriptions.request(CONNECTION, &request);
        let closing = async {
            house.connections.close(CONNECTION).await.unwrap();
            String::new()
        };
        let mut nth = 0;
        let choose = |left: usize| {
            nth += 1;
            let turn = turns.checked_shr(nth - 1).unwrap_or(0) & 1;
            if left == 1 { 0 } else { turn as usize }
        };
        let done = by_turns(vec![Box::pin(subscribing), Box::pin(closing)], choose, 200);
        let reply = done[0].as_deref().unwrap();
        let is_refused = reply.contains("session_expired");
        assert!(is_refused || reply.contains(r#""ok":"#), "{reply}");
        outcomes[usize::from(is_refused)] += 1;
        let content = house.sockets.content();
        assert_eq!(content.connections.len(), 0, "{turns:b}");
        assert_eq!(
            content.subscribers.values().flatten().count(),
            0,
            "{turns:b}: {reply}"
        );
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

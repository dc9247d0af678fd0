//! Requests, refusals, pings, and what ends a connection.

use super::*;

#[test]
fn goodbye_and_loss_lead_to_a_new_connection_that_resumes() {
    let mut table = Table::at_ten();
    table.say(&json!({"goodbye": {"code": "lifetime", "reconnect_after_ms": 2400}}));
    assert_eq!(
        table.others,
        [Action::Reconnect {
            after: Duration::from_millis(2_400)
        }]
    );
    // Until then the old connection goes on.
    table.signal(11, 10);
    table.others.clear();
    table.wait(Duration::from_millis(2_400));
    table.connect();
    let request = table.request("subscribe");
    assert_eq!(
        request["streams"][0]["since"],
        json!({"epoch": "k1", "offset": 11})
    );
    table.verdict(&request, &json!({"epoch": "k1", "top": 11, "recovered": true}));
    assert_eq!(table.session.counts().reconnects, 1);

    let mut waits = Vec::new();
    for _ in 0..8 {
        table.session.on_disconnected("gone", None, &mut table.taken);
        table.collect();
        let Some(Action::Reconnect { after }) = table.others.pop() else {
            panic!("no wait")
        };
        waits.push(after);
    }
    assert!(
        waits[0] >= reconnect_wait_min && waits.iter().all(|wait| *wait <= reconnect_wait_max),
        "{waits:?}"
    );
    assert!(
        waits[0] <= 2 * reconnect_wait_min,
        "the first is short: {waits:?}"
    );
    assert!(waits[7] >= reconnect_wait_max / 2, "the waits grow: {waits:?}");
    assert_eq!(table.session.deadline(), None);
}

#[test]
fn a_slow_client_takes_the_latest_only() {
    let mut table = Table::at_ten();
    table.say(&json!({"goodbye": {"code": "slow", "reconnect_after_ms": 0}}));
    table.connect();
    assert_eq!(table.request("subscribe")["streams"][0]["mode"], "last");
}

#[test]
fn a_stream_that_was_slowed_stays_so_after_a_break() {
    let mut table = Table::at_ten();
    table.say(&json!({"downgraded": {"s": [0, 9], "mode": "last"}}));
    table.quiet();
    table.connect();
    assert_eq!(table.request("subscribe")["streams"][0]["mode"], "last");
}

#[test]
fn one_request_is_under_way_at_a_time_and_large_ones_are_cut() {
    let keys: Vec<_> = (0..250)
        .map(|n| format!("public:NSE@S{n}@EQ:tick:price"))
        .collect();
    let mut table = Table::new(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut asked = Vec::new();
    while asked.len() < 250 {
        let request = table.request("subscribe");
        let streams = request["streams"].as_array().unwrap().clone();
        assert!(streams.len() <= streams_per_request_max);
        let verdicts: Vec<_> = streams
            .iter()
            .map(|stream| json!({"key": stream["key"], "s": stream["s"], "mode": "full", "epoch": "k"}))
            .collect();
        asked.extend(streams.iter().map(|stream| stream["s"].as_u64().unwrap()));
        table.say(&json!({"id": request["id"], "ok": {"streams": verdicts, "list": {}}}));
    }
    assert_eq!(asked, (0..250).collect::<Vec<_>>());
    table.quiet();
}

#[test]
fn refusals_pass_or_last() {
    let mut table = Table::new(&[STREAM, "common:NSE@NIFTY@IDX:1m:rsi(close,14)"]);
    let request = table.request("subscribe");
    table.say(&json!({"id": request["id"], "err": error(ErrorCode::ChangesRate, Some(4_000))}));
    table.wait(Duration::from_millis(3_999));
    table.quiet();
    table.wait(Duration::from_millis(1));
    let request = table.request("subscribe");
    table.say(&json!({"id": request["id"], "ok": {"list": {}, "streams": [
        {"key": STREAM, "s": 0, "mode": "full", "err": error(ErrorCode::EntitlementUnreadable, None)},
        {"key": "c", "s": 1, "mode": "full", "err": error(ErrorCode::EntitlementRequired, None)},
    ]}}));
    assert_eq!(table.session.counts().refused, 1);
    table.wait(ask_again_wait);
    let request = table.request("subscribe");
    assert_eq!(request["streams"].as_array().unwrap().len(), 1);
    table.verdict(&request, &json!({"epoch": "k"}));
    table.say(&json!([{"s": 0, "k": "revoked", "err": error(ErrorCode::GrantRequired, None)}]));
    assert!(matches!(table.others.as_slice(), [Action::End(Ended::NoStream(error))] if error.code == 301));
}

#[test]
fn what_is_revoked_while_an_answer_is_on_its_way_stays_so() {
    let mut table = Table::new(&[STREAM, "common:NSE@NIFTY@IDX:1m:rsi(close,14)"]);
    let request = table.request("subscribe");
    table.say(&json!([{"s": 0, "k": "revoked", "err": error(ErrorCode::GrantRequired, None)}]));
    table.say(&json!({"id": request["id"], "ok": {"list": {}, "streams": [
        {"key": STREAM, "s": 0, "mode": "full", "epoch": "k", "more": true},
        {"key": "c", "s": 1, "mode": "full", "epoch": "k", "more": true},
    ]}}));
    table.wait(pull_pause);
    let request = table.request("subscribe");
    assert_eq!(request["streams"].as_array().unwrap().len(), 1);
    assert_eq!(request["streams"][0]["s"], 1);
    table.say(&json!({"id": request["id"], "ok": {"list": {}, "streams": [
        {"key": "c", "s": 1, "mode": "full", "epoch": "k"},
    ]}}));
    table.wait(Duration::from_secs(20));
    table.quiet();
    assert_eq!(table.session.counts().refused, 1);
}

#[test]
fn a_denied_hello_ends_and_a_passing_one_is_tried_again() {
    for (code, ends) in [(ErrorCode::TokenInvalid, true), (ErrorCode::Unavailable, false)] {
        let mut table = Table::at_ten();
        table.session.on_connected(table.now);
        table.collect();
        let id = table.request("hello")["id"].clone();
        table.say(&json!({"id": id, "err": error(code, None)}));
        assert_eq!(
            matches!(table.others.as_slice(), [Action::End(Ended::Denied(_))]),
            ends,
            "{code:?}"
        );
        assert_eq!(
            matches!(table.others.as_slice(), [Action::Reconnect { .. }]),
            !ends,
            "{code:?}"
        );
    }
}

#[test]
fn a_server_that_answers_no_ping_is_left() {
    let mut table = Table::at_ten();
    table.wait(Duration::from_secs(100));
    assert_eq!(
        table
            .sent
            .iter()
            .filter(|request| request["op"] == "ping")
            .count(),
        2
    );
    assert!(matches!(table.others.as_slice(), [Action::Reconnect { .. }]));
}

#[test]
fn a_connection_is_left_when_nothing_comes_behind_two_subscribes() {
    let mut table = Table::new(&[STREAM]);
    table.wait(2 * reply_wait);
    let subscribes = table.sent.iter().filter(|request| request["op"] == "subscribe");
    assert_eq!(subscribes.count(), 2);
    assert!(matches!(table.others.as_slice(), [Action::Reconnect { .. }]));

    // Where anything comes it stands, whatever becomes of the answers.
    let mut table = Table::new(&[STREAM]);
    for _ in 0..10 {
        table.wait(reply_wait * 9 / 10);
        table.snapshot(Some(10));
    }
    assert!(table.sent.len() > 5, "{:?}", table.sent);
    assert_eq!(table.others.as_slice(), []);
}

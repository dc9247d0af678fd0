//! What should not come, comes: each gets a clear answer, the rest goes on, and
//! nothing is lost.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod common;
#[path = "bad_input/dead_letters.rs"]
mod dead_letters;

use std::time::Duration;

use common::{NIFTY, OPEN, Stack, ticks};
use serde_json::{Value as Json, json};
use tickwire::client::ConnectError;
use tickwire::queue::QueueName;
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::sign_token;
use tickwire_service::ports::{PortError, Secret};
use tickwire_streams::GroupKey;

const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

/// What becomes of a message of the queue.
#[derive(Debug, PartialEq)]
enum Fate {
    /// The queue does not take it.
    NotTaken,
    /// It is put aside with its reason, whole.
    Parked(String),
    /// It is taken: so many ticks are in the log, and these were set aside.
    Taken(usize, Vec<String>),
}

/// Sends a message, and says what became of it.
async fn fate(stack: &mut Stack, group: &GroupKey, body: String) -> Fate {
    let events =
        |log: &[(u64, tickwire_wire::Segment)]| -> usize { log.iter().map(|(_, s)| s.events_len()).sum() };
    let before = stack.log(group).await;
    match stack.send(group, body).await {
        Err(PortError::Refused { .. }) => return Fate::NotTaken,
        other => other.unwrap(),
    }
    stack.worked_off().await;
    let parked = stack
        .host
        .queues
        .receive(QueueName::TicksDead, 1, Duration::ZERO)
        .await
        .unwrap();
    if let Some(parked) = parked.first() {
        stack.host.queues.delete(QueueName::TicksDead, &parked.receipt);
        return Fate::Parked(parked.attributes.get("reason").cloned().unwrap_or_default());
    }
    let after = stack.log(group).await;
    let set_aside = after[before.len()..]
        .iter()
        .flat_map(|(_, segment)| &segment.set_aside);
    Fate::Taken(
        events(&after) - events(&before),
        set_aside.map(|event| event.code.clone()).collect(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_queue() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    let mut client = stack.client("reader", Tier::Enterprise).await;
    client.subscribe(PRICE, 1).await;

    let tick = |source: &str, price: &str| ticks(&group, source, 1, 0, &[(1, price)]);
    let with = |events: &str| {
        format!(
            r#"{{"v":1,"group":"{group}","source":"s","epoch":1,"seq":0,"sent":{},{events}}}"#,
            OPEN.0
        )
    };
    let far = OPEN.0 + 3_600 * UnixNanos::PER_SECOND;
    let century = OPEN.0 + 100 * 365 * 86_400 * UnixNanos::PER_SECOND;
    let deep = format!("{}close{}", "abs(".repeat(10_000), ")".repeat(10_000));
    let many: Vec<(i64, &str)> = (0..10_000).map(|n| (n / 10, "24000")).collect();
    let parked = |reason: &str| Fate::Parked(reason.to_owned());
    let aside = |code: &str| Fate::Taken(0, vec![code.to_owned()]);
    let rows: Vec<(&str, String, Fate)> = vec![
        ("no JSON", "{\"v\":1,".into(), parked("message_malformed")),
        ("nothing", "".into(), Fate::NotTaken),
        (
            "another form",
            r#"{"hello":"world"}"#.into(),
            parked("message_malformed"),
        ),
        (
            "another version",
            tick("a", "1").replace(r#""v":1"#, r#""v":2"#),
            parked("message_version_unknown"),
        ),
        (
            "another group",
            tick("a", "1").replace(group.as_str(), "replay-test/ELSE"),
            parked("group_mismatch"),
        ),
        ("no events", with(r#""ticks":[]"#), parked("message_empty")),
        (
            "two kinds",
            with(&format!(r#""clock":{0},"plan":[{{"add":"{PRICE}"}}]"#, OPEN.0)),
            parked("message_kind_unclear"),
        ),
        (
            "a price that is no number",
            tick("a", "NaN"),
            parked("message_malformed"),
        ),
        ("a price of text", tick("b", "\"24000\""), aside("malformed")),
        ("a price beyond doubles", tick("c", "1e999"), aside("malformed")),
        ("a huge price", tick("d", "1e308"), aside("price_out_of_bounds")),
        ("no price", tick("e", "0"), aside("price_not_positive")),
        ("a negative price", tick("f", "-1"), aside("price_not_positive")),
        (
            "an unknown instrument",
            tick("g", "1").replace(NIFTY, "NSE@BANKNIFTY@IDX"),
            aside("unknown_instrument"),
        ),
        (
            "a time far ahead",
            with(&format!(r#""ticks":[{{"i":"{NIFTY}","t":{far},"p":1}}]"#)),
            aside("time_in_future"),
        ),
        (
            "received in another century",
            with(&format!(
                r#""ticks":[{{"i":"{NIFTY}","t":{century},"r":{century},"p":1}}]"#
            ))
            .replace(r#""s""#, r#""u""#),
            aside("time_in_future"),
        ),
        (
            "a clock of another century",
            with(&format!(r#""clock":{century}"#)),
            aside("time_in_future"),
        ),
        (
            "2 MiB",
            with(&format!(r#""ticks":["{}"]"#, "x".repeat(2 << 20))),
            Fate::NotTaken,
        ),
        (
            "900 KiB of one text",
            with(&format!(r#""ticks":["{}"]"#, "x".repeat(900 << 10))).replace(r#""s""#, r#""long""#),
            aside("malformed"),
        ),
        (
            "900 KiB in the place of a number",
            tick("s", "1").replace(r#""v":1"#, &format!(r#""v":"{}""#, "x".repeat(900 << 10))),
            parked("message_malformed"),
        ),
        (
            "900 KiB that cannot be read",
            format!(r#"{{"v":1,"group":"{group}","x":"{}"}}"#, "x".repeat(900 << 10)),
            parked("message_malformed"),
        ),
        (
            "an expression 10,000 deep",
            with(&format!(r#""plan":[{{"add":"common:{NIFTY}:1m:{deep}"}}]"#)).replace(r#""s""#, r#""deep""#),
            aside("malformed"),
        ),
        (
            "10,000 ticks",
            ticks(&group, "many", 1, 0, &many),
            Fate::Taken(10_000, vec![]),
        ),
        (
            "the same again",
            ticks(&group, "many", 1, 0, &many),
            Fate::Taken(0, vec![]),
        ),
        (
            "a gap",
            ticks(&group, "gaps", 1, 5, &[(1, "5")]),
            Fate::Taken(1, vec![]),
        ),
        (
            "what fills it, backwards",
            ticks(&group, "gaps", 1, 3, &[(1, "3"), (1, "4")]),
            Fate::Taken(2, vec![]),
        ),
        (
            "what fills it, twice",
            ticks(&group, "gaps", 1, 2, &[(1, "2"), (1, "3"), (1, "4")]),
            Fate::Taken(1, vec![]),
        ),
        (
            "a source that restarts in a new epoch",
            ticks(&group, "gaps", 2, 0, &[(1, "6")]),
            Fate::Taken(1, vec![]),
        ),
        (
            "a source that restarts in an old one",
            ticks(&group, "gaps", 1, 0, &[(1, "6")]),
            Fate::Taken(0, vec![]),
        ),
        (
            "good and bad together",
            ticks(&group, "mixed", 1, 0, &[(1, "1"), (1, "0"), (1, "2")]),
            Fate::Taken(2, vec!["price_not_positive".to_owned()]),
        ),
    ];
    for (place, (what, body, expected)) in rows.into_iter().enumerate() {
        let found = fate(&mut stack, &group, body).await;
        assert_eq!(found, expected, "{what}");
        // The rest goes on.
        let price = format!("{}.25", 1_000 + place);
        let good = fate(
            &mut stack,
            &group,
            ticks(&group, "good", 1, place as u64, &[(2_000, &price)]),
        )
        .await;
        assert_eq!(good, Fate::Taken(1, vec![]), "after {what}");
        loop {
            let received = client.signal().await["d"]["price"].to_string();
            if received == price {
                break;
            }
        }
    }
    stack.host.stop().await;
}

fn code(reply: &Json) -> u64 {
    let of = |err: &Json| err["code"].as_u64();
    of(&reply["err"])
        .or_else(|| of(&reply["ok"]["streams"][0]["err"]))
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_socket() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let token = stack.token("reader", Tier::Enterprise).await;
    let mut early = stack.socket(&stack.ticket(&token).await.unwrap()).await.unwrap();
    assert_eq!(
        code(&early.ask(json!({"op": "list"})).await),
        104,
        "hello comes first"
    );

    let subscribe =
        |key: &str| json!({"id": 1_000, "op": "subscribe", "streams": [{"key": key, "s": 1}]}).to_string();
    let nested = |depth: usize| {
        subscribe(&format!(
            "common:{NIFTY}:1m:{}close{}",
            "abs(".repeat(depth),
            ")".repeat(depth)
        ))
    };
    let streams: Vec<Json> = (0..2_000)
        .map(|s| json!({"key": "public:A@B@EQ:tick:price", "s": s}))
        .collect();
    let everything: Json = json!({"id": 1_000, "op": "subscribe", "streams": &streams[..500]});
    let rows: Vec<(&str, String, u64)> = vec![
        ("no JSON", "{".into(), 100),
        ("no id", r#"{"op":"list"}"#.into(), 100),
        ("an array", "[]".into(), 100),
        ("an unknown op", r#"{"id":1000,"op":"shutdown"}"#.into(), 101),
        (
            "a field that is not known",
            r#"{"id":1000,"op":"list","x":1}"#.into(),
            100,
        ),
        (
            "64 KB",
            format!(r#"{{"id":1000,"op":"{}"}}"#, "x".repeat(64 << 10)),
            102,
        ),
        ("128 KB", "x".repeat(128 << 10), 102),
        ("no key", subscribe("everything"), 105),
        ("a pattern", subscribe("public:*:tick:price"), 105),
        ("an expression 150 deep", nested(150), 106),
        ("an expression 6,000 deep", nested(6_000), 105),
        (
            "an expression 10,000 deep, longer than any message",
            nested(10_000),
            102,
        ),
        ("arrays 10,000 deep", "[".repeat(10_000), 100),
        (
            "an unknown instrument",
            subscribe("public:NSE@NOBODY@EQ:tick:price"),
            107,
        ),
        ("500 streams at once", everything.to_string(), 404),
    ];
    let mut client = stack.client("reader", Tier::Enterprise).await;
    for (what, text, expected) in rows {
        client.send_text(text).await;
        let reply = client
            .reply()
            .await
            .unwrap_or_else(|| panic!("{what}: the connection ended"));
        assert_eq!(code(&reply), expected, "{what}: {reply}");
        client.ids_rise_to(1_000);
        assert!(
            client.ask(json!({"op": "list"})).await["ok"]["list"].is_object(),
            "after {what}"
        );
        // Requests are limited by their rate; a new connection begins with none.
        client.close().await;
        client = stack.client("reader", Tier::Enterprise).await;
    }
    client.send_binary(vec![0, 159, 146, 150]).await;
    assert_eq!(code(&client.reply().await.unwrap()), 103, "binary frames");
    client.send_text("x".repeat(200 << 10)).await;
    assert_eq!(
        client.reply().await,
        None,
        "beyond what the platform takes the connection ends"
    );

    // The others go on.
    let mut client = stack.client("other", Tier::Standard).await;
    client.subscribe(PRICE, 1).await;
    let group = stack.group(NIFTY);
    stack
        .send(&group, ticks(&group, "feed", 1, 0, &[(1, "7")]))
        .await
        .unwrap();
    assert_eq!(client.signal().await["d"]["price"], json!(7.0));
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_to_everything_ends_at_the_tiers_number() {
    let mut stack = Stack::start().await;
    let keys: Vec<String> = (2..30)
        .flat_map(|n| {
            [
                format!("common:{NIFTY}:1m:sma(close,{n})"),
                format!("common:{NIFTY}:1m:ema(close,{n})"),
                format!("common:{NIFTY}:1m:rsi(close,{n})"),
                format!("common:{NIFTY}:tick:sma(close,{n})"),
                format!("common:{NIFTY}:tick:ema(close,{n})"),
                format!("common:{NIFTY}:tick:rsi(close,{n})"),
                format!("common:{NIFTY}:5m:sma(close,{n})"),
                format!("common:{NIFTY}:5m:ema(close,{n})"),
            ]
        })
        .collect();
    stack.introduce(NIFTY, &[PRICE]).await;
    let mut client = stack.client("reader", Tier::Enterprise).await;
    let mut verdicts = Vec::new();
    let wanted: Vec<(u32, &String)> = (0..).zip(&keys).collect();
    for part in wanted.chunks(100) {
        let streams: Vec<Json> = part.iter().map(|(s, key)| json!({"key": key, "s": s})).collect();
        let reply = client.ask(json!({"op": "subscribe", "streams": streams})).await;
        verdicts.extend(reply["ok"]["streams"].as_array().cloned().unwrap_or_default());
    }
    let refused: Vec<u64> = verdicts
        .iter()
        .filter_map(|verdict| verdict["err"]["code"].as_u64())
        .collect();
    assert_eq!(verdicts.len(), 224);
    assert_eq!(
        refused, [401; 24],
        "200 streams are taken, the others refused one by one"
    );
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities() {
    let stack = Stack::start().await;
    let token = stack.token("reader", Tier::Free).await;
    let refused = |outcome: Result<String, ConnectError>| match outcome {
        Err(ConnectError::Refused { status, error }) => (status, error.code),
        other => panic!("{other:?}"),
    };
    let key = Secret::new(vec![7; 32]);
    let forged = sign_token(
        &key,
        "reader",
        Tier::Enterprise,
        Duration::from_secs(60),
        tickwire::now(),
    )
    .unwrap();
    let secret = tickwire_service::ports::Secrets::secret(&*stack.host.secrets, "jwt_key")
        .await
        .unwrap()
        .current;
    let long_ago = tickwire::now().saturating_add(-3_600 * UnixNanos::PER_SECOND);
    let expired = sign_token(&secret, "reader", Tier::Free, Duration::from_secs(60), long_ago).unwrap();
    let mut changed = token.clone();
    let middle = changed.len() / 2;
    changed.replace_range(
        middle..=middle,
        if &changed[middle..=middle] == "A" {
            "B"
        } else {
            "A"
        },
    );
    let rows = [
        ("a forged token", forged.expose(), (401, 201)),
        ("a token that was changed", &changed, (401, 201)),
        ("no token at all", "x", (401, 201)),
        ("an expired token", expired.expose(), (401, 202)),
    ];
    for (what, token, expected) in rows {
        assert_eq!(refused(stack.ticket(token).await), expected, "{what}");
    }
    let ticket = stack.ticket(&token).await.unwrap();
    let _first = stack.socket(&ticket).await.unwrap();
    for (what, ticket) in [
        ("a ticket twice", &*ticket),
        ("no ticket of ours", "nonsense"),
        ("none", ""),
    ] {
        let refusal = stack
            .socket(ticket)
            .await
            .err()
            .map(|(status, body)| (status, body["error"]["code"].as_u64()));
        assert_eq!(refusal, Some((401, Some(203))), "{what}");
    }
    stack.host.stop().await;
}

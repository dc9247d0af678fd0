//! From a tick to the frames of clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[expect(dead_code, reason = "these tests use a part")]
mod common;

use common::{NIFTY, OPEN, Stack, ticks};
use serde_json::json;
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::explain_signal::{ExplainPorts, explain};
use tickwire_streams::Offset;

const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";
const DAYS: i64 = 86_400;

fn at(seconds: i64) -> i64 {
    OPEN.0 + seconds * UnixNanos::PER_SECOND
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tick_is_one_frame_with_its_fields() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let mut client = stack.client("reader", Tier::Standard).await;
    let verdict = client.subscribe(PRICE, 7).await;
    assert!(
        verdict["err"].is_null() && verdict["top"].is_null() && verdict["epoch"].is_string(),
        "{verdict}"
    );
    assert_eq!(
        client.item().await,
        json!({"s": 7, "k": "snapshot", "o": null, "d": {"absent": "cold"}})
    );

    let group = stack.group(NIFTY);
    let body = format!(
        r#"{{"v":1,"group":"{group}","source":"feed-1","epoch":3,"seq":0,"sent":{sent},"ticks":[
            {{"i":"{NIFTY}","t":{t},"p":24000.05,"s":75,"b":24000,"a":24000.1}}]}}"#,
        t = at(1),
        sent = at(2)
    );
    stack.send(&group, body).await.unwrap();
    let mut frame = client.signal().await;
    let stamped = frame["i"].take().as_i64().unwrap();
    assert!(stamped > OPEN.0, "the log's own clock");
    let offset = frame["o"].as_u64().unwrap();
    assert_eq!(
        frame,
        json!({"s": 7, "k": "signal", "o": offset, "prev": null, "t": at(1), "r": at(2), "i": null, "src": "feed-1",
            "d": {"price": 24000.05, "size": 75.0, "bid": 24000.0, "ask": 24000.1}})
    );

    // Every field of the tick but its value may be the same: the offset is another.
    stack
        .send(&group, ticks(&group, "feed-1", 3, 1, &[(1, "24000.05")]))
        .await
        .unwrap();
    let next = client.signal().await;
    assert_eq!(
        (next["prev"].as_u64(), next["o"].as_u64() > Some(offset)),
        (Some(offset), true),
        "{next}"
    );

    let ports = ExplainPorts {
        log: stack.host.store.clone(),
        checkpoints: stack.host.store.clone(),
    };
    let explained = explain(&ports, &group, &PRICE.parse().unwrap(), Offset(offset))
        .await
        .unwrap();
    assert!(explained.bits_equal, "{explained:?}");
    assert_eq!(explained.source, "feed-1");
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_see_the_same_and_the_latest_may_be_enough() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let mut every = stack.client("every", Tier::Premium).await;
    let mut latest = stack.client("latest", Tier::Premium).await;
    every.subscribe(PRICE, 1).await;
    latest
        .ask(json!({"op": "subscribe", "streams": [{"key": PRICE, "s": 2, "mode": "last"}]}))
        .await;
    let group = stack.group(NIFTY);
    let prices: Vec<String> = (0..50).map(|n| format!("{}.5", 24_000 + n)).collect();
    let batch: Vec<(i64, &str)> = (0..).zip(prices.iter().map(String::as_str)).collect();
    stack
        .send(&group, ticks(&group, "feed", 1, 0, &batch))
        .await
        .unwrap();

    let mut seen = Vec::new();
    let mut previous = json!(null);
    for price in &prices {
        let frame = every.signal().await;
        assert_eq!(
            (frame["prev"].clone(), frame["d"]["price"].to_string()),
            (previous, price.clone())
        );
        previous = frame["o"].clone();
        seen.push(frame);
    }
    let (mut stood_for, mut before) = (0, json!(null));
    while stood_for < 50 {
        let frame = latest.signal().await;
        assert_eq!(frame["prev"], before, "conflation keeps the chain");
        before = frame["o"].clone();
        stood_for += frame["n"].as_u64().unwrap_or(1);
    }
    assert_eq!((stood_for, &before), (50, &seen[49]["o"]));
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_break_is_resumed_without_a_gap() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    let mut client = stack.client("reader", Tier::Standard).await;
    let verdict = client.subscribe(PRICE, 1).await;
    stack
        .send(&group, ticks(&group, "feed", 1, 0, &[(1, "1"), (2, "2")]))
        .await
        .unwrap();
    client.signal().await;
    let last = client.signal().await;
    client.close().await;

    stack
        .send(
            &group,
            ticks(&group, "feed", 1, 2, &[(3, "3"), (4, "4"), (5, "5")]),
        )
        .await
        .unwrap();
    stack.worked_off().await;
    let mut client = stack.client("reader", Tier::Standard).await;
    let since = json!({"epoch": verdict["epoch"], "offset": last["o"]});
    let reply = client
        .ask(json!({"op": "subscribe", "streams": [{"key": PRICE, "s": 9, "since": since}]}))
        .await;
    assert_eq!(reply["ok"]["streams"][0]["recovered"], true, "{reply}");
    let mut before = last["o"].clone();
    for price in [3.0, 4.0, 5.0] {
        let item = client.signal().await;
        assert_eq!(
            (&item["prev"], item["d"]["price"].as_f64()),
            (&before, Some(price)),
            "{item}"
        );
        before = item["o"].clone();
    }
    let reply = client
        .ask(json!({"op": "subscribe", "streams": [
            {"key": PRICE, "s": 9, "since": {"epoch": "another", "offset": last["o"]}}]}))
        .await;
    assert_eq!(
        reply["ok"]["streams"][0]["recovered"], false,
        "of another log nothing is recovered: {reply}"
    );
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_granted_is_denied_and_the_rest_holds() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let mut client = stack.client("reader", Tier::Enterprise).await;
    let marketplace = "marketplace/alpha:NSE@NIFTY@IDX:tick:ema(close,5)";
    let personal = "personal/somebody:NSE@NIFTY@IDX:tick:ema(close,5)";
    let streams = json!([{"key": marketplace, "s": 1}, {"key": personal, "s": 2}, {"key": PRICE, "s": 3}]);
    let reply = client.ask(json!({"op": "subscribe", "streams": streams})).await;
    let codes: Vec<_> = (0..3)
        .map(|n| reply["ok"]["streams"][n]["err"]["code"].as_u64())
        .collect();
    assert_eq!(codes, [Some(301), Some(302), None], "{reply}");
    assert_eq!(reply["ok"]["list"], json!({"3": PRICE}));
    let group = stack.group(NIFTY);
    stack
        .send(&group, ticks(&group, "feed", 1, 0, &[(1, "5")]))
        .await
        .unwrap();
    assert_eq!(client.signal().await["s"], 3);
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_added_live_is_seeded_from_stored_bars() {
    let mut stack = Stack::start().await;
    let group = stack.group(NIFTY);
    stack
        .introduce(NIFTY, &[PRICE, "public:NSE@NIFTY@IDX:1d:bars"])
        .await;
    // A tick a day at noon, seven weeks long: on days without a session it is in no bar.
    let prices: Vec<String> = (0..50).map(|n| format!("{}", 24_000 + n)).collect();
    let days: Vec<(i64, &str)> = (0..)
        .map(|day| day * DAYS + 3_600)
        .zip(prices.iter().map(String::as_str))
        .collect();
    stack
        .send(&group, ticks(&group, "feed", 1, 0, &days))
        .await
        .unwrap();
    stack.worked_off().await;

    let mut client = stack.client("reader", Tier::Premium).await;
    let average = "common:NSE@NIFTY@IDX:1d:sma(close,20)";
    let verdict = client.subscribe(average, 1).await;
    assert!(verdict["err"].is_null(), "{verdict}");
    stack.worked_off().await;
    // The next sessions close one after the other: the first value is there at once.
    let more: Vec<(i64, &str)> = (50..58).map(|day| (day * DAYS + 3_600, "24100")).collect();
    stack
        .send(&group, ticks(&group, "feed", 1, 50, &more))
        .await
        .unwrap();
    let first = client.signal().await;
    let value = first["d"]["value"].as_f64();
    assert!(
        value.is_some_and(|value| (24_000.0..24_100.0).contains(&value)),
        "warm from its first bar on: {first}"
    );
    let (key, offset) = (average.parse().unwrap(), Offset(first["o"].as_u64().unwrap()));
    let ports = ExplainPorts {
        log: stack.host.store.clone(),
        checkpoints: stack.host.store.clone(),
    };
    let explained = explain(&ports, &group, &key, offset).await.unwrap();
    assert!(explained.bits_equal && explained.bar.is_some(), "{explained:?}");
    stack.host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_tier_s_rate_a_stream_is_conflated_and_nothing_is_lost() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let mut client = stack.client("free", Tier::Free).await;
    client.subscribe(PRICE, 7).await;
    assert_eq!(client.item().await["k"], "snapshot");
    let group = stack.group(NIFTY);
    // One after the other, so that each is a frame: twice as many as may come within 5 s.
    let most = u64::from(Tier::Free.limits().stream_messages_per_minute_max / 10);
    for nth in 0..2 * most {
        let tick = ticks(&group, "feed-1", 1, nth, &[(nth as i64, "24000.05")]);
        stack.send(&group, tick).await.unwrap();
        stack.worked_off().await;
    }
    let told = client.reply().await.unwrap();
    assert_eq!(told, json!({"downgraded": {"s": [7], "mode": "last"}}));
    // What waits goes with the next frame that may be sent.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let tick = ticks(&group, "feed-1", 1, 2 * most, &[(200, "24001.05")]);
    stack.send(&group, tick).await.unwrap();
    let (mut last, mut stands_for, mut frames) = (json!(null), 0, 0);
    loop {
        let item = client.signal().await;
        assert_eq!(item["prev"], last, "the chain has no hole: {item}");
        last = item["o"].clone();
        stands_for += item["n"].as_u64().unwrap_or(1);
        frames += 1;
        if item["d"]["price"] == json!(24001.05) {
            break;
        }
    }
    assert_eq!(stands_for, 2 * most + 1);
    assert!(frames < stands_for, "{frames}");
    stack.host.stop().await;
}

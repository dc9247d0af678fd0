//! A tick that comes when its bar is closed: who reads the bar sees it corrected, each in
//! his own way.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[expect(dead_code, reason = "these tests use a part")]
mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::{NIFTY, OPEN, Socket, Stack, ticks};
use serde_json::{Value as Json, json};
use tickwire::client::http;
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::explain_signal::{ExplainPorts, explain};
use tickwire_signals::SignalValue;
use tickwire_streams::Offset;

const ONE: &str = "public:NSE@NIFTY@IDX:1m:bars";
const FIVE: &str = "public:NSE@NIFTY@IDX:5m:bars";
const MEAN: &str = "common:NSE@NIFTY@IDX:1m:sma(close,1)";

/// End, open, high, low, close and ticks, of a bar as JSON.
fn content(bar: &Json) -> (i64, [f64; 4], u64) {
    let seconds = (bar["end"].as_i64().unwrap() - OPEN.0) / UnixNanos::PER_SECOND;
    let prices = ["open", "high", "low", "close"].map(|field| bar[field].as_f64().unwrap());
    (seconds, prices, bar["ticks"].as_u64().unwrap())
}

/// What is stored of a timeframe.
async fn stored(stack: &Stack, timeframe: &str) -> Vec<(i64, [f64; 4], u64)> {
    let path = format!("/v1/bars/{NIFTY}?timeframe={timeframe}&to=2026-01-06T00:00:00Z");
    let token = stack.token("reader", Tier::Premium).await;
    let body = http(
        &stack.endpoint(),
        hyper::Method::GET,
        &path,
        &token,
        Vec::new().into(),
    )
    .await
    .unwrap();
    let page: Json = serde_json::from_slice(&body).unwrap();
    page["bars"].as_array().unwrap().iter().map(content).collect()
}

async fn resume(client: &mut Socket, s: u32, epoch: &Json, offset: &Json) -> Json {
    let since = json!({"epoch": epoch, "offset": offset});
    let streams = json!([{"key": ONE, "s": s, "since": since}]);
    let reply = client.ask(json!({"op": "subscribe", "streams": streams})).await;
    reply["ok"]["streams"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_tick_corrects_the_bar_for_all_who_read_it() {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[ONE, FIVE, MEAN]).await;
    let group = stack.group(NIFTY);
    let mut client = stack.client("reader", Tier::Premium).await;
    let verdict = client.subscribe(ONE, 1).await;
    client.subscribe(MEAN, 2).await;
    let mut latest = stack.client("latest", Tier::Premium).await;
    let wanted = json!([{"key": ONE, "s": 5, "mode": "last"}]);
    latest.ask(json!({"op": "subscribe", "streams": wanted})).await;
    let in_time = ticks(
        &group,
        "feed",
        1,
        0,
        &[(10, "100.0"), (50, "102.0"), (63, "103.0")],
    );
    stack.send(&group, in_time).await.unwrap();
    let (first, mean) = (client.signal().await, client.signal().await);
    assert_eq!((&first["s"], &mean["s"]), (&json!(1), &json!(2)));
    assert_eq!(content(&first["d"]), (60, [100.0, 102.0, 100.0, 102.0], 2));
    assert_eq!(mean["d"], json!({"value": 102.0}));
    assert_eq!(stored(&stack, "1m").await.len(), 1);
    assert_eq!(latest.signal().await["o"], first["o"]);
    assert_eq!(stack.host.ingest.corrections.load(Relaxed), 0);

    // Two come late: one within the bar, one behind its last.
    stack
        .send(
            &group,
            ticks(&group, "feed", 1, 3, &[(30, "95.0"), (55, "101.0")]),
        )
        .await
        .unwrap();
    let (second, third) = (client.signal().await, client.signal().await);
    assert_eq!((&second["prev"], &third["prev"]), (&first["o"], &second["o"]));
    assert_eq!(
        content(&second["d"]),
        (60, [100.0, 102.0, 95.0, 102.0], 3),
        "{second}"
    );
    let corrected = (60, [100.0, 102.0, 95.0, 101.0], 4);
    assert_eq!(content(&third["d"]), corrected, "{third}");
    assert_eq!(third["d"]["corrected"], true);
    assert!(first["d"]["corrected"].is_null());
    // For whom the latest is enough it is one item, and tells what it stands for.
    let both = latest.signal().await;
    assert_eq!((&both["o"], &both["d"]), (&third["o"], &third["d"]), "{both}");
    assert_eq!((&both["prev"], &both["n"]), (&first["o"], &json!(2)), "{both}");
    assert_eq!(stack.host.ingest.corrections.load(Relaxed), 2);
    stack.worked_off().await;
    assert_eq!(stored(&stack, "1m").await, [corrected]);

    // Who comes now sees the bar as it is; who comes back, what he missed of it.
    let mut later = stack.client("later", Tier::Premium).await;
    later.subscribe(ONE, 3).await;
    let snapshot = later.item().await;
    assert_eq!(
        (&snapshot["k"], &snapshot["o"]),
        (&json!("snapshot"), &third["o"])
    );
    assert_eq!(snapshot["d"], third["d"]);
    let mut back = stack.client("back", Tier::Premium).await;
    let again = resume(&mut back, 4, &verdict["epoch"], &first["o"]).await;
    assert_eq!(again["recovered"], true, "{again}");
    for missed in [&second, &third] {
        let item = back.signal().await;
        assert_eq!((&item["o"], &item["d"]), (&missed["o"], &missed["d"]));
    }

    // The next bars are of what is stored, and the first is settled.
    let rest = ticks(
        &group,
        "feed",
        1,
        5,
        &[(200, "104.0"), (303, "105.0"), (370, "106.0"), (20, "1.0")],
    );
    stack.send(&group, rest).await.unwrap();
    stack.worked_off().await;
    let minutes = stored(&stack, "1m").await;
    assert_eq!(minutes[0], corrected);
    assert_eq!(
        stored(&stack, "5m").await,
        [(300, [100.0, 104.0, 95.0, 104.0], 6)]
    );
    for _ in 1..minutes.len() {
        let next = client.signal().await;
        let next = match next["s"] == 2 {
            true => client.signal().await,
            false => next,
        };
        assert!(next["d"]["corrected"].is_null(), "{next}");
    }

    // A correction is what its events fold to.
    let ports = ExplainPorts {
        log: stack.host.store.clone(),
        checkpoints: stack.host.store.clone(),
    };
    let offset = Offset(third["o"].as_u64().unwrap());
    let explained = explain(&ports, &group, &ONE.parse().unwrap(), offset)
        .await
        .unwrap();
    assert!(explained.bits_equal, "{explained:?}");
    assert!(matches!(explained.stored.value, SignalValue::CorrectedBar(_)));
    assert_eq!(explained.cause.seq, 4);
    stack.host.stop().await;
}

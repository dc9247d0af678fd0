//! Clients that come and go. What is held in memory is that of a process, so this one has no other test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[expect(dead_code, reason = "this test uses a part")]
mod common;

use std::time::{Duration, Instant};

use common::{NIFTY, Socket, Stack, ticks};
use futures_util::{StreamExt as _, stream};
use peak_alloc::PeakAlloc;
use serde_json::{Value as Json, json};
use tickwire_entitlements::Tier;
use tickwire_service::ports::Connections as _;
use tokio::time::sleep;

/// Counts what is allocated and not freed, in Rust: to the byte, whatever the allocator keeps.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Connections that are made anew, unless [`RECONNECTS`] says how many.
const RECONNECTS_HERE: usize = 1_000;
/// Variable for a longer trial.
const RECONNECTS: &str = "TICKWIRE_RECONNECTS";
/// Of those so many at a time.
const RECONNECTS_AT_ONCE: usize = 100;
/// Longest time for each of them.
const RECONNECT_TIME_MAX: Duration = Duration::from_millis(100);
/// So much memory may be held for each that has gone.
const BYTES_PER_RECONNECT_MAX: usize = 256;
/// Longest time until nothing is left of a connection that has ended.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(5);
const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

/// Clients go and come again while ticks flow: each gets all that it missed, who stays misses
/// nothing, and nothing is held of those that have gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_again_gets_all_that_was_missed() {
    let wanted = std::env::var(RECONNECTS).ok().and_then(|text| text.parse().ok());
    let wanted: usize = wanted.unwrap_or(RECONNECTS_HERE);
    // By then all that is held for good is held.
    let at_first = wanted / RECONNECTS_AT_ONCE * 2 / 3 * RECONNECTS_AT_ONCE;
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    let mut stays = stack.client("stays", Tier::Standard).await;
    stays.subscribe(PRICE, 1).await;
    assert_eq!(stays.item().await["k"], "snapshot");
    let began = Instant::now();
    let mut seen: Vec<(String, Json)> = Vec::new();
    let (mut last, mut made, mut held_at_first) = (None, 0, 0);
    for seq in 0..(wanted / RECONNECTS_AT_ONCE) as u64 {
        let (price, at) = (100 + seq, i64::try_from(seq).unwrap());
        let body = ticks(&group, "feed", 1, seq, &[(at, &price.to_string())]);
        stack.send(&group, body).await.unwrap();
        stack.worked_off().await;
        last = Some(follows(&mut stays, last, price).await);
        let known = std::mem::take(&mut seen);
        let lives = (0..RECONNECTS_AT_ONCE).map(|n| reconnect(&stack, n, known.get(n).cloned(), price));
        seen = stream::iter(lives).buffered(RECONNECTS_AT_ONCE).collect().await;
        made += RECONNECTS_AT_ONCE;
        if made == at_first {
            held_at_first = HEAP.current_usage();
        }
        assert!(
            began.elapsed() < RECONNECT_TIME_MAX * wanted as u32,
            "{made} connections took {:?}",
            began.elapsed()
        );
    }
    let took = began.elapsed();
    println!(
        "{made} connections made anew in {:.1} s, each with what it missed",
        took.as_secs_f64()
    );
    // What is left of a connection is deleted behind its end.
    let ended = Instant::now();
    for n in 0..RECONNECTS_AT_ONCE {
        loop {
            let rows = stack.host.store.connections_of(&reader(n)).await.unwrap();
            if rows.is_empty() {
                break;
            }
            assert!(ended.elapsed() < STOP_MAX, "{} has {rows:?}", reader(n));
            sleep(LOOK).await;
        }
    }
    assert_eq!(stack.host.sockets.len(), 1);
    let subscribers = stack.host.store.subscribers(&group, 0).await.unwrap();
    let users: Vec<_> = subscribers.iter().map(|one| &*one.identity.user).collect();
    assert_eq!(users, ["stays"]);
    let grown = HEAP.current_usage().saturating_sub(held_at_first);
    println!("{grown} bytes of memory more after the last than after {at_first}");
    let most = (made - at_first) * BYTES_PER_RECONNECT_MAX;
    assert!(grown <= most, "{grown} bytes, where {most} are allowed");
    stays.close().await;
    stack.host.stop().await;
}

fn reader(n: usize) -> String {
    format!("reader-{n}")
}

/// Takes the next signal of one who stayed; gives its offset.
async fn follows(client: &mut Socket, last: Option<Json>, price: u64) -> Json {
    let item = client.signal().await;
    assert_eq!(item["d"]["price"], json!(price as f64), "{item}");
    assert_eq!(
        item.get("prev").filter(|prev| !prev.is_null()),
        last.as_ref(),
        "{item}"
    );
    item["o"].clone()
}

/// A connection: it goes on behind `since`, takes what follows up to `price`, and goes.
async fn reconnect(stack: &Stack, n: usize, since: Option<(String, Json)>, price: u64) -> (String, Json) {
    let mut client = stack.client(&reader(n), Tier::Standard).await;
    let mut asked = json!({"key": PRICE, "s": 1});
    if let Some((epoch, offset)) = &since {
        asked["since"] = json!({"epoch": epoch, "offset": offset});
    }
    let reply = client.ask(json!({"op": "subscribe", "streams": [asked]})).await;
    let verdict = &reply["ok"]["streams"][0];
    let epoch = verdict["epoch"].as_str().unwrap_or_default().to_owned();
    let item = client.item().await;
    if let Some((_, offset)) = since {
        assert_eq!(verdict["recovered"], true, "{reply}");
        assert_eq!((&item["k"], &item["prev"]), (&json!("signal"), &offset), "{item}");
    }
    assert_eq!(item["d"]["price"], json!(price as f64), "{item}");
    client.close().await;
    (epoch, item["o"].clone())
}

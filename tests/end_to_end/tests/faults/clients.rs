//! Many clients at once: who reads the same, and who comes and goes.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use tickwire::client::http;
use tickwire_entitlements::Tier;
use tickwire_service::ports::Connections as _;
use tokio::time::sleep;

use super::common::{NIFTY, Socket, Stack, ticks};
use super::{LOOK, STOP_MAX};

/// Who read the same at once.
const READERS: usize = 200;
/// Connections that are made anew, unless [`RECONNECTS`] says how many.
const RECONNECTS_HERE: usize = 1_000;
/// Variable for a longer trial.
const RECONNECTS: &str = "TICKWIRE_RECONNECTS";
/// Of those so many at a time.
const RECONNECTS_AT_ONCE: usize = 100;
/// Longest time for each of them.
const RECONNECT_TIME_MAX: Duration = Duration::from_millis(100);
/// So much memory may be held for each that has gone.
const BYTES_PER_RECONNECT_MAX: usize = 4_096;
const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

/// What many ask for at once is read a few times: whoever comes while it is read waits for that, and
/// only whoever comes later looks again for the log's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_same_share_a_reading() {
    let alone = queries_of_the_log(1).await;
    let together = queries_of_the_log(READERS).await;
    println!("a page: {alone} queries of the log for one reader, {together} for {READERS} at once");
    let unshared = alone * READERS as u64;
    assert!(alone > 0 && together <= unshared / 10, "{together} of {unshared}");
}

/// So many readers ask a stack for the same page, which nobody has asked for before.
async fn queries_of_the_log(readers: usize) -> u64 {
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    for seq in 0..40_u32 {
        let at = i64::from(seq);
        let body = ticks(&group, "feed", 1, u64::from(seq) * 2, &[(at, "1"), (at, "2")]);
        stack.send(&group, body).await.unwrap();
    }
    stack.worked_off().await;
    let token = stack.token("reader", Tier::Enterprise).await;
    let endpoint = stack.endpoint();
    let page = async || {
        let path = format!("/v1/signals/{NIFTY}?key={PRICE}&from=0&limit=50");
        let answer = http(&endpoint, hyper::Method::GET, &path, &token, Vec::new().into()).await;
        serde_json::from_slice::<Json>(&answer.unwrap()).unwrap()
    };
    let queries = || {
        let store = stack.host.meter.snapshot().store;
        let calls = store.get("log").and_then(|calls| calls.get("query"));
        calls.map_or(0, |used| used.calls)
    };
    let before = queries();
    let pages: Vec<Json> = futures_util::future::join_all((0..readers).map(|_| page())).await;
    let made = queries() - before;
    assert_eq!(pages[0]["signals"].as_array().unwrap().len(), 50);
    assert!(pages.iter().all(|other| other["signals"] == pages[0]["signals"]));
    stack.host.stop().await;
    made
}

/// Clients go and come again while ticks flow: each gets all that it missed, who stays misses
/// nothing, and nothing is held of those that have gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_again_gets_all_that_was_missed() {
    let wanted = std::env::var(RECONNECTS).ok().and_then(|text| text.parse().ok());
    let wanted: usize = wanted.unwrap_or(RECONNECTS_HERE);
    // By then all that is held for good is held.
    let at_first = wanted / 5;
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    let mut stays = stack.client("stays", Tier::Standard).await;
    stays.subscribe(PRICE, 1).await;
    assert_eq!(stays.item().await["k"], "snapshot");
    let began = Instant::now();
    let mut seen: Vec<(String, Json)> = Vec::new();
    let (mut last, mut made, mut held_at_first) = (None, 0, None);
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
            held_at_first = memory_bytes();
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
    match (held_at_first, memory_bytes()) {
        (Some(first), Some(now)) => {
            let grown = now.saturating_sub(first);
            println!(
                "{} KiB of memory more after the last than after {at_first}",
                grown / 1_024
            );
            let most = (made - at_first) * BYTES_PER_RECONNECT_MAX;
            assert!(grown <= most, "{grown} bytes, where {most} are allowed");
        }
        _ => println!("SKIPPED: this system does not tell how much memory a process holds"),
    }
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

/// What this process holds in memory, where the system tells.
fn memory_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024)
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

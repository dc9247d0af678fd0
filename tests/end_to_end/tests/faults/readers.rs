//! Many who read the same at once.

use serde_json::Value as Json;
use tickwire::client::http;
use tickwire_entitlements::Tier;

use super::common::{NIFTY, Stack, ticks};

/// Who read the same at once.
const READERS: usize = 200;
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

//! Faults for real: what becomes of the embedded stack where it is ended in the midst of its
//! work, where its store is held by another, and where many come at once. Nothing
//! is lost; how long it took to go on is printed (`--nocapture`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![cfg(unix)]

#[expect(dead_code, reason = "these tests use a part")]
mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{NIFTY, Stack, ticks};
use futures_util::{StreamExt as _, stream};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value as Json, json};
use tickwire::client::http;
use tickwire::run::{Runs, World};
use tickwire_end_to_end::check::check_log;
use tickwire_end_to_end::data::{check_queues_empty, read_logs};
use tickwire_end_to_end::processes::{Process, Tickwire};
use tickwire_end_to_end::ticks::{ExpectedLog, SIGNALS, TickFiles, expect_placed};
use tickwire_entitlements::Tier;
use tickwire_service::placement::Placement;
use tickwire_streams::Universe;
use tokio::time::sleep;

/// Longest time in which a replay comes to its end.
const END_MAX: Duration = Duration::from_secs(90);
/// Longest time until a stack that was told to end has ended.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(5);
/// So long the store is held by another: beyond what a call to it waits for.
const HELD: Duration = Duration::from_secs(6);
/// Who read the same at once.
const READERS: usize = 200;
/// Connections that are made anew, unless [`RECONNECTS`] says how many.
const RECONNECTS_HERE: usize = 500;
/// Variable for a longer trial.
const RECONNECTS: &str = "TICKWIRE_RECONNECTS";
/// Of those so many at a time.
const RECONNECTS_AT_ONCE: usize = 100;
const PRICE: &str = "public:NSE@NIFTY@IDX:tick:price";

/// A file that is replayed by the real binary, as often as it takes.
struct Replay {
    home: tempfile::TempDir,
    tickwire: Tickwire,
    file: PathBuf,
    /// Groups into which the shares are spread.
    baskets: u16,
}

impl Replay {
    fn new(seed: u64, ticks: usize, baskets: u16) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = TickFiles::new(home.path(), seed, ticks)
            .unwrap()
            .make(ticks)
            .unwrap();
        std::fs::write(home.path().join("signals.txt"), SIGNALS).unwrap();
        let tickwire = Tickwire::find(home.path().join("output.txt"));
        Self {
            tickwire: tickwire.unwrap_or_else(|failure| panic!("{failure}")),
            home,
            file,
            baskets,
        }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn start(&self) -> Process {
        let (data, signals) = (self.data(), self.home.path().join("signals.txt"));
        let words = "up --until-done --quiet --speed max --port 0 --data"
            .split(' ')
            .map(Path::new);
        let words = words.chain([
            &data,
            Path::new("--replay"),
            &self.file,
            Path::new("--signals"),
            &signals,
        ]);
        self.tickwire.start(words).unwrap()
    }

    /// Rows of a table; none as long as it is being made.
    fn rows(&self, table: &str) -> i64 {
        let path = self.data().join(format!("{table}.db"));
        let counted =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|connection| {
                connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            });
        counted.unwrap_or(0)
    }

    /// The next row of a table that a process writes; `None` if the process ended before.
    async fn commit(&self, table: &str, process: &mut Process) -> Option<()> {
        let before = self.rows(table);
        while self.rows(table) <= before {
            process.ended().unwrap().map_or(Some(()), |_| None)?;
            sleep(LOOK).await;
        }
        Some(())
    }

    async fn ends(&self, mut process: Process) {
        let status = process.wait(END_MAX).await.unwrap();
        assert!(status.success(), "{status}: {}", self.tickwire.tail());
    }

    /// Every tick is in the log once and in order, every signal the same when folded again.
    async fn check(&self) {
        self.tickwire.check_no_panic().unwrap();
        let options = tickwire::feed::file::FileOptions::default();
        let feed = tickwire::feed::file::FileFeed::open(&self.file, &options).unwrap();
        let run = Runs::default().resume(feed.content_hash(), World::Replay, &Placement::even(self.baskets));
        let universe: Universe = run.0.universe;
        let mut expected = ExpectedLog::new();
        expect_placed(
            &self.file,
            &universe,
            &Placement::even(self.baskets),
            &mut expected,
        )
        .unwrap();
        let logs = read_logs(&self.data(), |group| *group.universe() == universe)
            .await
            .unwrap();
        assert_eq!(logs.len(), expected.len());
        for log in &logs {
            check_log(log, &expected[&log.group], |_| false)
                .unwrap_or_else(|violation| panic!("{violation}"));
        }
        check_queues_empty(&self.data()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_in_the_midst_it_goes_on_where_it_was() {
    let replay = Replay::new(3, 40_000, 8);
    let mut ended = 0;
    for _ in 0..3 {
        let began = Instant::now();
        let mut process = replay.start();
        if replay.commit("log", &mut process).await.is_none() {
            break;
        }
        println!("from the start to a commit: {} ms", began.elapsed().as_millis());
        // SIGTERM: what is queued is worked off, and the process says that all is well.
        process
            .stop(STOP_MAX)
            .await
            .unwrap_or_else(|failure| panic!("{failure}: {}", replay.tickwire.tail()));
        ended += 1;
    }
    assert!(ended > 0, "the file was replayed before it could be ended");
    replay.ends(replay.start()).await;
    replay.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_for_a_while_loses_nothing() {
    let replay = Replay::new(4, 40_000, 8);
    let mut process = replay.start();
    replay
        .commit("log", &mut process)
        .await
        .expect("the replay ended at once");
    let holder = Connection::open(replay.data().join("log.db")).unwrap();
    holder.busy_timeout(Duration::from_secs(5)).unwrap();
    // Whoever writes has it alone.
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    sleep(HELD).await;
    assert!(
        process.ended().unwrap().is_none(),
        "it gave up: {}",
        replay.tickwire.tail()
    );
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    let began = Instant::now();
    replay
        .commit("log", &mut process)
        .await
        .expect("it ended without a commit");
    println!(
        "the store was held for {} s; from its release to a commit: {} ms",
        HELD.as_secs(),
        began.elapsed().as_millis()
    );
    replay.ends(process).await;
    replay.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_data_directory_has_one_stack() {
    let replay = Replay::new(6, 20_000, 8);
    let mut process = replay.start();
    replay
        .commit("log", &mut process)
        .await
        .expect("the replay ended at once");
    let status = replay.start().wait(STOP_MAX).await.unwrap();
    assert!(!status.success(), "two stacks run on one store");
    let said = replay.tickwire.tail();
    assert!(said.contains("is in use"), "{said}");
    replay.ends(process).await;
    replay.check().await;
}

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

/// Clients go and come again while ticks flow: each gets all that it missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_again_gets_all_that_was_missed() {
    let wanted = std::env::var(RECONNECTS).ok().and_then(|text| text.parse().ok());
    let wanted: usize = wanted.unwrap_or(RECONNECTS_HERE);
    let mut stack = Stack::start().await;
    stack.introduce(NIFTY, &[PRICE]).await;
    let group = stack.group(NIFTY);
    let began = Instant::now();
    let mut seen: Vec<(String, Json)> = Vec::new();
    let mut made = 0;
    let mut seq: u64 = 0;
    while made < wanted {
        let (price, at) = (format!("{}", 100 + seq), i64::try_from(seq).unwrap());
        stack
            .send(&group, ticks(&group, "feed", 1, seq, &[(at, &price)]))
            .await
            .unwrap();
        seq += 1;
        stack.worked_off().await;
        let known = std::mem::take(&mut seen);
        let lives =
            (0..RECONNECTS_AT_ONCE).map(|n| reconnect(&stack, n, known.get(n).cloned(), 100 + seq - 1));
        seen = stream::iter(lives).buffered(RECONNECTS_AT_ONCE).collect().await;
        made += RECONNECTS_AT_ONCE;
    }
    let took = began.elapsed();
    println!(
        "{made} connections made anew in {:.1} s, each with what it missed",
        took.as_secs_f64()
    );
    let left = Instant::now();
    while !stack.host.sockets.is_empty() {
        assert!(
            left.elapsed() < STOP_MAX,
            "{} connections were left",
            stack.host.sockets.len()
        );
        sleep(LOOK).await;
    }
    stack.host.stop().await;
}

/// A connection: it goes on behind `since`, takes what follows up to `price`, and goes.
async fn reconnect(stack: &Stack, n: usize, since: Option<(String, Json)>, price: u64) -> (String, Json) {
    let mut client = stack.client(&format!("reader-{n}"), Tier::Standard).await;
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

//! Faults for real: what becomes of the embedded stack where it is ended in the midst of its
//! work, where its store is held by another, spoiled or full, and where many read at once. Nothing
//! is lost; how long it took to go on is printed (`--nocapture`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![cfg(unix)]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "these tests use a part")]
mod common;
mod disk;
mod readers;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tickwire::run::{Runs, World};
use tickwire_end_to_end::check::check_log;
use tickwire_end_to_end::data::{check_queues_empty, read_logs};
use tickwire_end_to_end::processes::{Process, Tickwire};
use tickwire_end_to_end::ticks::{ExpectedLog, INSTRUMENTS, SIGNALS, TickFiles, expect_placed};
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
        let file = TickFiles::new(home.path(), seed, ticks, INSTRUMENTS)
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
        self.tickwire.start(self.words()).unwrap()
    }

    fn words(&self) -> Vec<PathBuf> {
        let (data, signals) = (self.data(), self.home.path().join("signals.txt"));
        let words = "up --until-done --quiet --speed max --port 0 --data"
            .split(' ')
            .map(PathBuf::from);
        let words = words.chain([data, "--replay".into(), self.file.clone()]);
        let words = words.chain(["--signals".into(), signals, "--baskets".into()]);
        words.chain([self.baskets.to_string().into()]).collect()
    }

    /// Rows of a table that a condition takes; none as long as it is being made.
    fn rows(&self, table: &str) -> i64 {
        let (name, condition) = table.split_once(' ').unwrap_or((table, ""));
        let path = self.data().join(format!("{name}.db"));
        let counted =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|connection| {
                let question = format!("SELECT count(*) FROM {name} {condition}");
                connection.query_row(&question, [], |row| row.get(0))
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

//! A disk that holds what was not written, or takes no more.

use std::process::Command;
use std::time::{Duration, Instant};

use tickwire_end_to_end::data::Store;
use tickwire_end_to_end::processes::Process;
use tickwire_service::ports::{Checkpoints as _, Groups as _};
use tickwire_wire::{Manifest, decode, encode};
use tokio::time::sleep;

use super::{LOOK, Replay};

/// Size of a file beyond which nothing can be written, in blocks of 512 bytes.
const FILE_BLOCKS_MAX: u32 = 3_000;
/// A stack that has written nothing for so long cannot.
const STANDSTILL: Duration = Duration::from_secs(3);
/// Manifests of checkpoints: they are whole.
const CHECKPOINTS: &str = "checkpoints WHERE sk LIKE 'S:m#%'";

/// What is wrong with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    /// A bit of a page is another.
    Page,
    /// A bit of the manifest is another.
    Manifest,
    /// An engine wrote it that is so much newer, or older. States of older layouts are read in
    /// `shared/signals/tests/engine/old_state.rs`, as those engines wrote them.
    Engine(i32),
}

impl Wrong {
    /// Spoils all checkpoints of a stack that does not run; says how many.
    async fn spoil(self, replay: &Replay) -> usize {
        let store = Store::open(&replay.data()).unwrap();
        let tables = &store.tables;
        let mut spoiled = 0;
        for group in tables.groups().await.unwrap() {
            for stored in tables.manifests(&group, u64::MAX, 10).await.unwrap() {
                spoiled += 1;
                let mut bytes = stored.manifest;
                let mut manifest: Manifest = decode(&bytes).unwrap();
                match self {
                    Self::Page => {
                        let name = manifest.pages.first().map(|page| (page.segment, page.page));
                        let (segment, page) = name.unwrap();
                        let pages = tables.pages(&group, &[(segment, page)]).await.unwrap();
                        let mut bytes = pages.into_iter().next().flatten().unwrap();
                        bytes[5] ^= 1;
                        tables.put_page(&group, segment, page, &bytes).await.unwrap();
                        continue;
                    }
                    Self::Manifest => bytes[3] ^= 1,
                    Self::Engine(newer) => {
                        manifest.engine_version = manifest.engine_version.checked_add_signed(newer).unwrap();
                        bytes = encode(&manifest).unwrap();
                    }
                }
                tables.put_manifest(&group, stored.segment, &bytes).await.unwrap();
            }
        }
        spoiled
    }
}

/// A stack that was killed when its first checkpoint was whole.
async fn with_a_checkpoint() -> Replay {
    let replay = Replay::new(8, 60_000, 1);
    let mut process = replay.start();
    replay
        .commit(CHECKPOINTS, &mut process)
        .await
        .expect("the replay ended without a checkpoint");
    process.kill();
    replay
}

/// What is damaged is passed over, and the log folded from its beginning; what is older is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_damaged_or_older_costs_time_alone() {
    for wrong in [Wrong::Page, Wrong::Manifest, Wrong::Engine(-1)] {
        let replay = with_a_checkpoint().await;
        let spoiled = wrong.spoil(&replay).await;
        assert!(spoiled > 0);
        let began = Instant::now();
        let mut process = replay.start();
        replay
            .commit("log", &mut process)
            .await
            .unwrap_or_else(|| panic!("{wrong:?}: {}", replay.tickwire.tail()));
        let took = began.elapsed().as_millis();
        println!("{wrong:?}, {spoiled} checkpoints: from the start to a commit: {took} ms");
        replay.ends(process).await;
        let passed_over = replay.said("a checkpoint was passed over");
        assert_eq!(passed_over, wrong != Wrong::Engine(-1), "{wrong:?}");
        replay.check().await;
    }
}

/// What an engine of tomorrow wrote is not folded by that of today, which says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_of_a_newer_engine_is_left_alone() {
    let replay = with_a_checkpoint().await;
    assert!(Wrong::Engine(1).spoil(&replay).await > 0);
    let rows = replay.rows(CHECKPOINTS);
    let process = replay.start();
    sleep(STANDSTILL).await;
    assert!(
        replay.said("deploy the newer build"),
        "{}",
        replay.tickwire.tail()
    );
    process.kill();
    assert_eq!(replay.rows(CHECKPOINTS), rows);
    Wrong::Engine(-1).spoil(&replay).await;
    replay.ends(replay.start()).await;
    replay.check().await;
}

impl Replay {
    /// The stack where no file can grow beyond [`FILE_BLOCKS_MAX`], as on a full disk.
    fn start_on_a_full_disk(&self) -> Process {
        let script = format!("trap '' XFSZ; ulimit -S -f {FILE_BLOCKS_MAX}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(self.tickwire.binary());
        command.args(self.words());
        Process::start(command, &self.home.path().join("output.txt")).unwrap()
    }

    /// Whether a process said so.
    fn said(&self, what: &str) -> bool {
        self.tickwire.output().unwrap().contains(what)
    }
}

/// Gives a process room again; false where the system has no command for it.
fn give_room(process: &Process) -> bool {
    let prlimit = Command::new("prlimit")
        .args(["--fsize=unlimited:", "--pid", &process.id().to_string()])
        .status();
    prlimit.is_ok_and(|status| status.success())
}

/// What was accepted stays; when there is room again it goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_loses_nothing() {
    let replay = Replay::new(9, 40_000, 8);
    let mut process = replay.start_on_a_full_disk();
    let mut last = (0, Instant::now());
    while last.1.elapsed() < STANDSTILL {
        let ended = process.ended().unwrap();
        assert!(ended.is_none(), "it gave up: {}", replay.tickwire.tail());
        let rows = replay.rows("log");
        if rows > last.0 {
            last = (rows, Instant::now());
        }
        sleep(LOOK).await;
    }
    println!("the disk was full at {} segments", last.0);
    assert!(
        replay.said("could not be written") || replay.said("is unavailable"),
        "{}",
        replay.tickwire.tail()
    );
    if !give_room(&process) {
        println!("SKIPPED: room for the same process, as prlimit is missing: it is started anew");
        process.kill();
        process = replay.start();
    }
    let began = Instant::now();
    replay
        .commit("log", &mut process)
        .await
        .unwrap_or_else(|| panic!("it ended without a commit: {}", replay.tickwire.tail()));
    let took = began.elapsed().as_millis();
    println!("from when there was room to a commit: {took} ms");
    replay.ends(process).await;
    replay.check().await;
}

//! The real binary where the machine is not as it should be: it says what is
//! wrong and what to do, ends with a status, and loses nothing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]
#![cfg(unix)]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use tickwire::run::{Runs, World};
use tickwire_end_to_end::check::check_log;
use tickwire_end_to_end::data::{check_queues_empty, read_logs};
use tickwire_end_to_end::processes::{Process, Tickwire};
use tickwire_end_to_end::ticks::{ExpectedLog, INSTRUMENTS, SIGNALS, TickFiles, expect};
use tickwire_service::placement::Placement;
use tickwire_streams::Universe;

/// Size to which files of a full disk grow, in blocks of 512 bytes.
const FULL_BLOCKS: u32 = 400;

fn binary(home: &Path) -> Tickwire {
    Tickwire::find(home.join("output.txt")).unwrap_or_else(|failure| panic!("{failure}"))
}

fn run(home: &Path, words: &[&str]) -> Output {
    Command::new(binary(home).binary())
        .args(words)
        .current_dir(home)
        .output()
        .unwrap()
}

#[test]
fn what_cannot_be_started_says_why() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("file"), "x").unwrap();
    fs::create_dir(path("newer")).unwrap();
    fs::write(path("newer/VERSION"), "999\n").unwrap();
    fs::create_dir(path("foreign")).unwrap();
    fs::write(path("foreign/thesis.tex"), "x").unwrap();
    fs::create_dir(path("secrets")).unwrap();
    fs::write(path("secrets/VERSION"), "1\n").unwrap();
    fs::write(path("secrets/secrets.json"), "{").unwrap();
    fs::write(path("empty.csv"), "").unwrap();
    fs::write(path("signals.txt"), "* 1m nonsense(((\n").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let up = |data: &str| {
        vec!["up", "--no-feed", "--port", "0", "--data"]
            .into_iter()
            .map(String::from)
            .chain([path(data)])
            .collect::<Vec<_>>()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let rows: Vec<(&str, Vec<String>, i32, &str)> = vec![
        (
            "a data directory of a newer version",
            up("newer"),
            1,
            "layout \"999\"",
        ),
        ("a directory of something else", up("foreign"), 1, "thesis.tex"),
        // Permissions do not bind the superuser; that there can be no directory binds everybody.
        (
            "a place that cannot be written",
            up("file/data"),
            1,
            "failed to create the data directory",
        ),
        ("damaged secrets", up("secrets"), 1, "is damaged at line 1"),
        (
            "a port in use",
            words(&["up", "--no-feed", "--data", ":memory:", "--port", &port]),
            1,
            "is in use",
        ),
        (
            "no such file",
            words(&["up", "--data", ":memory:", "--replay", &path("none.csv")]),
            1,
            "none.csv",
        ),
        (
            "an empty file",
            words(&["up", "--data", ":memory:", "--replay", &path("empty.csv")]),
            1,
            "empty",
        ),
        (
            "signals that are none",
            words(&["up", "--data", ":memory:", "--signals", &path("signals.txt")]),
            2,
            "line 1",
        ),
        (
            "an unknown option",
            words(&["up", "--frobnicate"]),
            2,
            "--frobnicate",
        ),
        (
            "send without a stack",
            words(&["send", &path("file"), "--data", &path("none")]),
            1,
            "",
        ),
    ];
    for (what, words, status, says) in rows {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run(home.path(), &words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{what}: {text}");
        assert!(text.contains(says), "{what}: {text}");
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
    drop(taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_in_a_line_is_replayed_up_to_there() {
    let home = tempfile::tempdir().unwrap();
    let file = TickFiles::new(home.path(), 1, 1_000, INSTRUMENTS)
        .unwrap()
        .make(1_000)
        .unwrap();
    let text = fs::read(&file).unwrap();
    let last_line = text[..text.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    // In the middle of the last row's ticker.
    fs::write(&file, &text[..last_line + 25]).unwrap();
    let output = run(
        home.path(),
        &[
            "up",
            "--until-done",
            "--quiet",
            "--speed",
            "max",
            "--port",
            "0",
            "--data",
            "data",
            "--replay",
            file.to_str().unwrap(),
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("panicked"), "{said}");
    assert!(said.contains("line 1001"), "the row is named: {said}");
    let logs = read_logs(&home.path().join("data"), |_| true).await.unwrap();
    let ticks: u64 = logs
        .iter()
        .filter_map(|log| log.latest.as_ref())
        .map(|latest| latest.ticks)
        .sum();
    assert_eq!(ticks, 999);
}

/// A limit on the size of files stands for the full disk: it works everywhere,
/// and SQLite fails to write in the same way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (tickwire, data) = (binary(home.path()), home.path().join("data"));
    let file = TickFiles::new(home.path(), 2, 30_000, INSTRUMENTS)
        .unwrap()
        .make(30_000)
        .unwrap();
    let signals = home.path().join("signals.txt");
    fs::write(&signals, SIGNALS).unwrap();
    let arguments = [
        "up",
        "--until-done",
        "--quiet",
        "--speed",
        "max",
        "--port",
        "0",
        "--data",
    ];
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {FULL_BLOCKS}; exec \"$0\" \"$@\" >/dev/null 2>&1"
        ))
        .arg(tickwire.binary())
        .args(arguments)
        .arg(&data)
        .arg("--replay")
        .arg(&file)
        .arg("--signals")
        .arg(&signals);
    let mut full = Process::start(limited, &home.path().join("limited.txt")).unwrap();
    // It may end by itself, or wait for space until it is ended; it must not say that all is well.
    let ended = full.wait(Duration::from_secs(8)).await;
    if let Ok(status) = ended {
        assert!(!status.success(), "it says that all went well");
    }
    full.kill();

    let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    for path in [
        &data,
        Path::new("--replay"),
        &file,
        Path::new("--signals"),
        &signals,
    ] {
        words.push(path.to_str().unwrap().to_owned());
    }
    let mut again = tickwire.start(&words).unwrap();
    let status = again.wait(Duration::from_secs(60)).await.unwrap();
    assert!(status.success(), "{status}: {}", tickwire.tail());
    tickwire.check_no_panic().unwrap();

    let hash =
        tickwire::feed::file::FileFeed::open(&file, &tickwire::feed::file::FileOptions::default()).unwrap();
    let universe: Universe = Runs::default()
        .resume(hash.content_hash(), World::Replay, &Placement::default())
        .0
        .universe;
    let mut expected = ExpectedLog::new();
    expect(&file, &universe, &mut expected).unwrap();
    let logs = read_logs(&data, |group| *group.universe() == universe)
        .await
        .unwrap();
    assert_eq!(logs.len(), expected.len());
    for log in &logs {
        check_log(log, &expected[&log.group], |_| false).unwrap_or_else(|violation| panic!("{violation}"));
    }
    check_queues_empty(&data).unwrap();
}

//! What survives: a reopened directory, the files as a crash leaves them, a
//! process that was killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tickwire::queue::{QueueName, QueueOptions, Queues, Received};
use tickwire::store::{DataDirectory, Engine};
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_service::ports::{Appended, Enqueue as _, Log as _, Outgoing, Park as _, Parked, Queue};
use tickwire_streams::GroupKey;
use tickwire_telemetry::Meter;

const TICKS: QueueName = QueueName::Ticks;

fn queues(directory: &DataDirectory) -> Queues {
    Queues::open(
        directory,
        QueueOptions::default(),
        Arc::new(SystemClock),
        Arc::new(Meter::default()),
    )
    .unwrap()
}

fn dynamo(directory: &DataDirectory) -> Dynamo {
    let engine = Engine::open(directory).unwrap();
    Dynamo::new(
        engine.client(),
        "",
        Arc::new(Meter::default()),
        Arc::new(SystemClock),
    )
}

fn group() -> GroupKey {
    "sim-test/A".parse().unwrap()
}

fn message(group: &str, text: &str) -> Outgoing {
    Outgoing {
        group: group.into(),
        deduplication: format!("{group}:{text}"),
        body: text.into(),
    }
}

async fn send(queues: &Queues, texts: &[&str]) {
    for text in texts {
        queues.send(Queue::Ticks, message("a", text)).await.unwrap();
    }
}

async fn receive(queues: &Queues, max: usize) -> Vec<Received> {
    queues.receive(TICKS, max, Duration::ZERO).await.unwrap()
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|m| &*m.body).collect()
}

/// The files as they stand at this moment, as a crash of the process would leave them.
fn as_a_crash_leaves_it(directory: &DataDirectory) -> (DataDirectory, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        // The shared memory file is rebuilt from the write-ahead log.
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), home.path().join(entry.file_name())).unwrap();
        }
    }
    (DataDirectory::open(home.path()).unwrap(), home)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopened_queue_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(home.path()).unwrap();
    let first = queues(&directory);
    send(&first, &["1", "2", "3", "4"]).await;
    let in_flight = receive(&first, 3).await;
    assert_eq!(bodies(&in_flight), ["1", "2", "3"]);
    assert!(first.delete(TICKS, &in_flight[0].receipt));
    let parked = Parked {
        queue: Queue::Signals,
        group: "b".into(),
        message_id: "m1".into(),
        reason: "unreadable".into(),
        detail: "why".into(),
        body: "bad".into(),
    };
    first.park(parked).await.unwrap();
    drop(first);

    let second = queues(&directory);
    assert!(
        !second.delete(TICKS, &in_flight[1].receipt),
        "a receipt of another life"
    );
    send(&second, &["1", "2", "5"]).await;
    let again = receive(&second, 10).await;
    assert_eq!(
        bodies(&again),
        ["2", "3", "4", "5"],
        "visible at once, in order, the deleted one and duplicates not"
    );
    assert_eq!(
        again.iter().map(|m| m.receive_count).collect::<Vec<_>>(),
        [2, 2, 1, 1]
    );
    assert_eq!(
        (&again[0].message_id, again[0].sent_at),
        (&in_flight[1].message_id, in_flight[1].sent_at)
    );
    let dead = second
        .receive(QueueName::SignalsDead, 10, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        (bodies(&dead), dead[0].attributes["reason"].as_str()),
        (vec!["bad"], "unreadable")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_the_files() {
    let home = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(home.path()).unwrap();
    let (first, log) = (queues(&directory), dynamo(&directory));
    send(&first, &["1", "2"]).await;
    assert_eq!(
        log.append(&group(), 1, b"segment").await.unwrap(),
        Appended::Committed
    );
    let (image, _image_home) = as_a_crash_leaves_it(&directory);
    let again = receive(&queues(&image), 10).await;
    assert_eq!(bodies(&again), ["1", "2"]);
    assert_eq!(
        dynamo(&image).read(&group(), 1, 1_000).await.unwrap()[0].bytes,
        b"segment"
    );
}

/// A message over which the process ends each time is known by its count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receives_are_counted_across_crashes() {
    let home = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(home.path()).unwrap();
    let queue = queues(&directory);
    send(&queue, &["poison"]).await;
    // The first receive is written behind.
    assert_eq!(receive(&queue, 1).await[0].receive_count, 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut image = as_a_crash_leaves_it(&directory);
    for count in 2..=5 {
        let queue = queues(&image.0);
        assert_eq!(
            receive(&queue, 1).await[0].receive_count,
            count,
            "counted before it was handed out"
        );
        image = as_a_crash_leaves_it(&image.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_queue_stays_empty() {
    let home = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(home.path()).unwrap();
    let first = queues(&directory);
    send(&first, &["1", "2"]).await;
    assert_eq!(receive(&first, 1).await.len(), 1);
    first.send(Queue::Signals, message("a", "kept")).await.unwrap();
    first.purge(TICKS).await.unwrap();
    assert_eq!(first.gauges(TICKS), tickwire::queue::Gauges::default());
    let (image, _image_home) = as_a_crash_leaves_it(&directory);
    let second = queues(&image);
    assert_eq!(bodies(&receive(&second, 10).await), [""; 0]);
    assert_eq!(second.gauges(QueueName::Signals).waiting, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopened_log_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(home.path()).unwrap();
    dynamo(&directory).append(&group(), 1, b"first").await.unwrap();
    let again = dynamo(&directory);
    assert_eq!(again.head(&group()).await.unwrap(), 1);
    assert_eq!(
        again.append(&group(), 1, b"other").await.unwrap(),
        Appended::Taken
    );
    assert_eq!(
        again.append(&group(), 2, b"second").await.unwrap(),
        Appended::Committed
    );
}

/// Set in the process that is going to be killed: its data directory.
const VICTIM: &str = "TICKWIRE_TEST_VICTIM";

/// Sends and appends for ever, and says so line by line.
async fn victim(path: &Path) {
    let directory = DataDirectory::open(path).unwrap();
    let (queues, log) = (queues(&directory), dynamo(&directory));
    let mut out = std::io::stdout();
    for n in 1u64.. {
        let (group, bytes) = (group(), n.to_be_bytes());
        let (sent, appended) = tokio::join!(
            queues.send(Queue::Ticks, message("a", &n.to_string())),
            log.append(&group, n, &bytes)
        );
        sent.unwrap();
        assert_eq!(appended.unwrap(), Appended::Committed);
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    if let Some(path) = std::env::var_os(VICTIM) {
        victim(Path::new(&path)).await;
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "what_was_acknowledged_survives_a_kill"])
        .env(VICTIM, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(n) = line.unwrap().strip_prefix("acknowledged ") {
            acknowledged = n.parse::<u64>().unwrap();
        }
        if acknowledged == 200 {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(acknowledged >= 200, "{acknowledged}");

    let directory = DataDirectory::open(home.path()).unwrap();
    let queue = queues(&directory);
    let mut seen = 0;
    loop {
        let batch = receive(&queue, 10).await;
        for m in &batch {
            seen += 1;
            assert_eq!(m.body.parse::<u64>().unwrap(), seen);
            assert!(queue.delete(TICKS, &m.receipt));
        }
        if batch.is_empty() {
            break;
        }
    }
    assert!(seen >= acknowledged, "{seen} of {acknowledged}");
    let segments = dynamo(&directory).read(&group(), 1, usize::MAX).await.unwrap();
    assert!(segments.len() as u64 >= acknowledged);
    assert!(segments.iter().all(|s| s.bytes == s.number.to_be_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_rows_are_swept() {
    use tickwire_entitlements::{Proof, Tier};
    use tickwire_market::UnixNanos;
    use tickwire_service::ports::{Clock as _, TicketGrant, Tickets as _};
    let engine = Engine::memory().unwrap();
    let dynamo = Dynamo::new(
        engine.client(),
        "",
        Arc::new(Meter::default()),
        Arc::new(SystemClock),
    );
    let now = SystemClock.now();
    for (hash, seconds) in [("old", -100), ("new", 100)] {
        let end = now.saturating_add(seconds * UnixNanos::PER_SECOND);
        let grant = TicketGrant {
            user: "u".into(),
            tier: Tier::Free,
            expires_at: end,
            identity_expires_at: end,
            proof: Proof::default(),
        };
        dynamo.put_ticket(hash, &grant).await.unwrap();
    }
    assert_eq!(engine.sweep().unwrap(), 1);
    assert_eq!(engine.sweep().unwrap(), 0);
    assert!(dynamo.take_ticket("new").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_costs_is_counted() {
    let engine = Engine::memory().unwrap();
    let meter = Arc::new(Meter::default());
    let dynamo = Dynamo::new(engine.client(), "", Arc::clone(&meter), Arc::new(SystemClock));
    // 10 KB and the names: eleven units of a KB begun.
    dynamo.append(&group(), 1, &[0; 10 * 1_024]).await.unwrap();
    assert_eq!(meter.snapshot().write_units(), 11.0);
    // The failed condition is billed by what stands.
    dynamo.append(&group(), 1, &[0; 100]).await.unwrap();
    let put = meter.snapshot().store["log"]["put"];
    assert_eq!((put.calls, put.conditions_failed, put.write_units), (2, 1, 22.0));
    // A strongly consistent read: one unit for every 4 KB begun.
    dynamo.read(&group(), 1, usize::MAX).await.unwrap();
    assert_eq!(meter.snapshot().read_units(), 3.0);
}

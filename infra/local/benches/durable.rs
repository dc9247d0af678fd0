//! How long a durable write takes here: the disk's own sync, appends to the
//! log through the SDK, sends to the queue.
//!
//! `cargo bench -p tickwire --bench durable [-- DIRECTORY]`: the directory
//! (by default the system's for temporary files) decides which disk is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot go on"
)]

use std::io::{Seek as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tickwire::queue::{QueueName, QueueOptions, Queues};
use tickwire::store::{DataDirectory, Engine};
use tickwire_aws::{Dynamo, SystemClock};
use tickwire_service::ports::{
    Checkpoints as _, Connections as _, Enqueue as _, Groups as _, Log as _, Outgoing, Queue,
};
use tickwire_streams::GroupKey;
use tickwire_telemetry::Meter;

struct Times(Histogram<u64>, Instant);

impl Times {
    fn new() -> Self {
        Self(Histogram::new(3).unwrap(), Instant::now())
    }

    fn add(&mut self, since: Instant) {
        self.0.record(since.elapsed().as_nanos() as u64).unwrap();
    }

    fn print(&self, name: &str) {
        let ms = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1e6;
        let rate = self.0.len() as f64 / self.1.elapsed().as_secs_f64();
        println!(
            "{name:<58} p50 {:>8.3} ms  p99 {:>8.3} ms  max {:>8.3} ms  {rate:>8.0}/s",
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
}

fn main() {
    let base = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let home = base.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    sync_alone(home.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let memory = Engine::memory().unwrap();
        let directory = DataDirectory::open(home.path().join("data")).unwrap();
        let files = Engine::open(&directory).unwrap();
        for (place, engine) in [("memory", &memory), ("files", &files)] {
            store(place, &dynamo(engine)).await;
        }
        under_load(&dynamo(&files)).await;
        let queues = |directory: Option<&DataDirectory>| {
            let options = QueueOptions::default();
            let (clock, meter) = (Arc::new(SystemClock), Arc::new(Meter::default()));
            match directory {
                None => Queues::memory(options, clock, meter),
                Some(directory) => Queues::open(directory, options, clock, meter).unwrap(),
            }
        };
        for (place, queues) in [("memory", queues(None)), ("files", queues(Some(&directory)))] {
            queue(place, queues).await;
        }
    });
}

fn dynamo(engine: &Engine) -> Arc<Dynamo> {
    Arc::new(Dynamo::new(
        engine.client(),
        "",
        Arc::new(Meter::default()),
        Arc::new(SystemClock),
    ))
}

fn group(name: &str) -> GroupKey {
    format!("sim-bench/{name}").parse().unwrap()
}

/// What the disk itself takes for 4 KB.
fn sync_alone(home: &std::path::Path) {
    let mut file = std::fs::File::create(home.join("sync")).unwrap();
    file.write_all(&vec![0; 1 << 20]).unwrap();
    file.sync_all().unwrap();
    let mut times = Times::new();
    for n in 0..1_000u64 {
        let start = Instant::now();
        file.seek(std::io::SeekFrom::Start(n % 256 * 4_096)).unwrap();
        file.write_all(&[n as u8; 4_096]).unwrap();
        file.sync_data().unwrap();
        times.add(start);
    }
    times.print("disk: write and sync 4 KB");
}

async fn store(place: &str, dynamo: &Arc<Dynamo>) {
    for bytes in [1_024, 16 * 1_024, 256 * 1_024] {
        let (key, segment) = (group(&format!("{place}{bytes}").to_uppercase()), vec![7; bytes]);
        let mut times = Times::new();
        for number in 1..=if bytes > 100_000 { 300 } else { 2_000 } {
            let start = Instant::now();
            dynamo.append(&key, number, &segment).await.unwrap();
            times.add(start);
        }
        times.print(&format!("{place}: log.append of {} KB", bytes / 1_024));
    }
    let key = group(&format!("{place}1024").to_uppercase());
    let mut times = Times::new();
    for _ in 0..2_000 {
        let start = Instant::now();
        dynamo.head(&key).await.unwrap();
        times.add(start);
    }
    times.print(&format!("{place}: log.head"));
    let mut times = Times::new();
    for _ in 0..2_000 {
        let start = Instant::now();
        dynamo.shard_version(&key, 0).await.unwrap();
        times.add(start);
    }
    times.print(&format!("{place}: connections.shard_version"));
}

/// Appends while the other tables are written too.
async fn under_load(dynamo: &Arc<Dynamo>) {
    let load = {
        let dynamo = Arc::clone(dynamo);
        tokio::spawn(async move {
            let key = group("LOAD");
            for n in 0.. {
                dynamo.put_page(&key, n, 0, &vec![1; 256 * 1_024]).await.unwrap();
                dynamo.put_latest(&key, n, &[1; 10_000]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let mut times = Times::new();
    let appenders = (0..4).map(|n| {
        let dynamo = Arc::clone(dynamo);
        tokio::spawn(async move {
            let key = group(&format!("BUSY{n}"));
            let mut samples = Vec::new();
            for number in 1..=500 {
                let start = Instant::now();
                dynamo.append(&key, number, &[7; 4_096]).await.unwrap();
                samples.push(start.elapsed());
            }
            samples
        })
    });
    for samples in futures_util::future::join_all(appenders).await {
        for sample in samples.unwrap() {
            times.0.record(sample.as_nanos() as u64).unwrap();
        }
    }
    load.abort();
    times.print("files: log.append of 4 KB, 4 groups, checkpoints written");
}

fn message(group: usize, n: usize, bytes: usize) -> Outgoing {
    Outgoing {
        group: format!("g{group}"),
        deduplication: format!("{group}:{n}"),
        body: "x".repeat(bytes),
    }
}

async fn queue(place: &str, queues: Queues) {
    // One message at a time: from the send to its receipt by a waiting consumer.
    let (received, mut receipts) = tokio::sync::mpsc::unbounded_channel();
    let consumer = {
        let queues = queues.clone();
        tokio::spawn(async move {
            let mut times = Times::new();
            while times.0.len() < 2_000 {
                for m in queues
                    .receive(QueueName::Ticks, 10, Duration::from_secs(1))
                    .await
                    .unwrap()
                {
                    let sent: u64 = m.body.trim_end_matches('x').parse().unwrap();
                    times.0.record(now_nanos() - sent).unwrap();
                    assert!(queues.delete(QueueName::Ticks, &m.receipt));
                    received.send(()).unwrap();
                }
            }
            times
        })
    };
    let mut sends = Times::new();
    for n in 0..2_000 {
        let message = Outgoing {
            body: format!("{}{}", now_nanos(), "x".repeat(1_000)),
            ..message(n % 10, n, 1)
        };
        let start = Instant::now();
        queues.send(Queue::Ticks, message).await.unwrap();
        sends.add(start);
        receipts.recv().await.unwrap();
    }
    sends.print(&format!("{place}: queue.send of 1 KB, one at a time"));
    consumer
        .await
        .unwrap()
        .print(&format!("{place}: queue, send to receipt, one at a time"));

    // Many senders, with and without a consumer.
    const SENDERS: usize = 64;
    const EACH: usize = 500;
    for consumers in [0, 2] {
        let name = QueueName::Signals;
        let mut times = Times::new();
        let eaters: Vec<_> = (0..consumers)
            .map(|_| {
                let queues = queues.clone();
                tokio::spawn(async move {
                    loop {
                        for m in queues.receive(name, 10, Duration::from_secs(1)).await.unwrap() {
                            assert!(queues.delete(name, &m.receipt));
                        }
                    }
                })
            })
            .collect();
        let senders = (0..SENDERS).map(|sender| {
            let queues = queues.clone();
            tokio::spawn(async move {
                let mut samples = Vec::with_capacity(EACH);
                for n in 0..EACH {
                    let start = Instant::now();
                    queues
                        .send(Queue::Signals, message(consumers * SENDERS + sender, n, 1_000))
                        .await
                        .unwrap();
                    samples.push(start.elapsed());
                }
                samples
            })
        });
        for samples in futures_util::future::join_all(senders).await {
            for sample in samples.unwrap() {
                times.0.record(sample.as_nanos() as u64).unwrap();
            }
        }
        times.print(&format!(
            "{place}: queue.send of 1 KB, {SENDERS} senders, {consumers} consumers"
        ));
        for eater in eaters {
            eater.abort();
            // Its end is all that is waited for.
            let _ = eater.await;
        }
        queues.purge(name).await.unwrap();
    }
}

fn now_nanos() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64
}

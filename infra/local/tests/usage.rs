//! What 1,000 ticks cost: calls to the store and their capacity, calls to the
//! queues, posts, allocations. The counts of `usage.json` are compared, and more
//! than a tenth above any of them fails. After a change that is meant to cost more:
//!
//! ```sh
//! TICKWIRE_REWRITE=1 cargo test -p tickwire --test usage
//! ```
//!
//! The same market from the same seed is driven step by step by this one task
//! through the real adapters, the embedded engine, the queue twin and both use
//! cases, on a clock that moves with the market. No timer decides how ticks are
//! batched and no thread races another, so every count but that of allocations is
//! the same number on every machine; those differ by what hash seeds make of maps.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tickwire::feed::simulate::{Mix, Simulator, SimulatorOptions};
use tickwire::push::{Frames, Sockets};
use tickwire::queue::{QueueName, QueueOptions, Queues};
use tickwire::signal_list::SignalList;
use tickwire::store::Engine;
use tickwire_aws::Dynamo;
use tickwire_entitlements::{Identity, Proof, Tier};
use tickwire_market::{Calendar, Tick, UnixNanos};
use tickwire_service::access::Access;
use tickwire_service::deliver_signals::{Deliver, DeliverPorts};
use tickwire_service::ingest_ticks::{Ingest, IngestPorts};
use tickwire_service::manage_subscription::SubscriptionPorts;
use tickwire_service::placement::Placement;
use tickwire_service::ports::{Clock, Enqueue as _, Entropy, Outgoing, PortResult, Queue, Timer};
use tickwire_service::queue_message::QueueMessage;
use tickwire_signals::ReferenceChange;
use tickwire_socket::Socket;
use tickwire_streams::{GroupKey, Universe};
use tickwire_telemetry::Meter;
use tickwire_wire::{Sender, clock_message, plan_message, reference_message, ticks_message};

/// 2026-01-05 09:15 in India, when the market opens, and 45 seconds: a minute ends in the run.
const START: UnixNanos = UnixNanos(1_767_584_745 * UnixNanos::PER_SECOND);
/// Market time of the run.
const SECONDS: i64 = 25;
/// A tick waits so long for others of its group.
const FLUSH_NANOS: i64 = 25 * UnixNanos::PER_MILLISECOND;
const TICKS_PER_SECOND: u32 = 1_000;
const INSTRUMENTS: usize = 442;
const CLIENTS: usize = 20;
const OPTIONS_PER_CLIENT: usize = 10;
const MESSAGES_PER_BATCH: usize = 10;
/// What a count may be above the one that is written down.
const WORSE_MAX: f64 = 1.1;
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/usage.json");

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe to write; this one hands on to the system's"
)]
// SAFETY: every call is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The market's time.
struct MarketClock(AtomicI64);

impl Clock for MarketClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.0.load(Relaxed))
    }
}

/// No budget runs out, however slow the machine is.
struct Never;

#[async_trait]
impl Timer for Never {
    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

/// The same bytes in the same order.
#[derive(Default)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        let mut bytes = [0x5a; 32];
        bytes[..8].copy_from_slice(&self.0.fetch_add(1, Relaxed).to_be_bytes());
        Ok(bytes)
    }
}

/// Price and minute bars of everything, and twenty signals on the index.
fn signals() -> SignalList {
    let mut text = String::from("* tick price\n* 1m bars\n");
    for expression in [
        "ema(5)",
        "ema(20)",
        "ema(50)",
        "sma(20)",
        "rsi(14)",
        "macd(12,26,9)",
        "bbands(20,2)",
        "close>ema(20)",
        "ema(rsi(14),9)",
        "close-sma(50)",
    ] {
        for timeframe in ["tick", "1m"] {
            text += &format!("*@IDX {timeframe} {expression}\n");
        }
    }
    SignalList::parse(&text).unwrap()
}

struct Run {
    clock: Arc<MarketClock>,
    meter: Arc<Meter>,
    queues: Queues,
    ingest: Ingest,
    deliver: Deliver,
    socket: Socket,
    sockets: Arc<Sockets>,
    universe: Universe,
    frames: Vec<Frames>,
    /// The next number of each group's source.
    next: BTreeMap<GroupKey, u64>,
    sent: u64,
}

impl Run {
    fn new() -> Self {
        let clock = Arc::new(MarketClock(AtomicI64::new(START.0)));
        let meter = Arc::new(Meter::default());
        let engine = Engine::memory().unwrap();
        let store = Arc::new(Dynamo::new(engine.client(), "", meter.clone(), clock.clone()));
        let queues = Queues::memory(QueueOptions::default(), clock.clone(), meter.clone());
        let queue = Arc::new(queues.clone());
        let sockets = Arc::new(Sockets::new(meter.clone()));
        let universe: Universe = "sim-usage".parse().unwrap();
        let ingest = Ingest::new(IngestPorts::on(
            &store,
            &queue,
            clock.clone(),
            Arc::new(Counter::default()),
        ));
        let access = Access::new(store.clone(), store.clone(), clock.clone());
        let deliver = DeliverPorts {
            groups: store.clone(),
            connections: store.clone(),
            push: sockets.clone(),
            park: queue.clone(),
            postpone: queue.clone(),
            timer: Arc::new(Never),
            access: access.clone(),
            clock: clock.clone(),
        };
        let socket = SubscriptionPorts {
            connections: store.clone(),
            groups: store.clone(),
            log: store.clone(),
            push: sockets.clone(),
            enqueue: queue,
            access,
            clock: clock.clone(),
        };
        Self {
            deliver: Deliver::new(deliver, Placement::default()),
            socket: Socket::new(socket, Placement::default(), universe.clone()),
            clock,
            meter,
            queues,
            ingest,
            sockets,
            universe,
            frames: Vec::new(),
            next: BTreeMap::new(),
            sent: 0,
        }
    }

    async fn send(&mut self, group: &GroupKey, body: String) {
        self.sent += 1;
        let message = Outgoing {
            group: group.to_string(),
            deduplication: format!("usage-{}", self.sent),
            body,
        };
        self.queues.send(Queue::Ticks, message).await.unwrap();
    }

    fn sender<'a>(&self, group: &'a GroupKey, source: &'a str, seq: u64) -> Sender<'a> {
        Sender {
            group,
            source,
            epoch: 1,
            seq,
            sent: self.clock.now(),
        }
    }

    /// Works off what waits in a queue, a batch at a time.
    async fn work_off(&self, queue: QueueName) {
        loop {
            let received = self
                .queues
                .receive(queue, MESSAGES_PER_BATCH, Duration::ZERO)
                .await
                .unwrap();
            if received.is_empty() {
                return;
            }
            let messages = received.iter().map(|message| QueueMessage {
                id: message.message_id.clone(),
                group: message.group.to_string(),
                receipt: message.receipt.clone(),
                body: message.body.to_string(),
                receive_count: message.receive_count,
            });
            let messages = messages.collect();
            let failed = match queue {
                QueueName::Ticks => self.ingest.ingest(messages).await,
                _ => self.deliver.deliver(messages).await,
            };
            assert!(failed.is_empty(), "{failed:?}");
            for message in &received {
                assert!(self.queues.delete(queue, &message.receipt));
            }
        }
    }

    async fn settle(&mut self) {
        self.work_off(QueueName::Ticks).await;
        self.work_off(QueueName::Signals).await;
        for frames in &mut self.frames {
            while frames.try_recv().is_ok() {}
        }
    }

    async fn introduce(&mut self, simulator: &Simulator) -> Vec<String> {
        let mut by_group: BTreeMap<GroupKey, (Vec<_>, Vec<_>)> = BTreeMap::new();
        let (signals, placement) = (signals(), Placement::default());
        for (instrument, tick_size) in simulator.instruments() {
            let group = placement.group_of(&self.universe, &instrument);
            let (references, streams) = by_group.entry(group).or_default();
            streams.extend(signals.streams_of(&instrument));
            references.push(ReferenceChange::Instrument {
                calendar: Calendar::of(&instrument).unwrap(),
                tick_size: Some(tick_size),
                instrument,
            });
        }
        let mut keys = Vec::new();
        for (group, (references, streams)) in by_group {
            let control = self.sender(&group, "control", 0);
            let reference = reference_message(&control, &references);
            let plan = plan_message(&control, &streams, &[]);
            self.send(&group, reference).await;
            self.send(&group, plan).await;
            keys.extend(streams.iter().map(ToString::to_string));
        }
        self.settle().await;
        keys
    }

    /// Clients with the signals of the index, and prices of some options each.
    async fn connect(&mut self, keys: &[String]) {
        let of_index = keys.iter().filter(|key| key.starts_with("common:"));
        let options: Vec<&String> = keys.iter().filter(|key| key.ends_with(":tick:price")).collect();
        for client in 0..CLIENTS {
            let name = format!("client-{client}");
            let own = options.iter().cycle().skip(client * OPTIONS_PER_CLIENT).copied();
            let streams = of_index.clone().chain(own.take(OPTIONS_PER_CLIENT));
            let streams: Vec<Value> = (1..)
                .zip(streams)
                .map(|(s, key)| json!({"key": key, "s": s, "mode": "full"}))
                .collect();
            let identity = Identity {
                user: name.clone(),
                tier: Tier::Enterprise,
                expires_at: START.saturating_add(3_600 * UnixNanos::PER_SECOND),
                proof: Proof::default(),
            };
            self.frames.push(self.sockets.register(&name));
            self.socket.connections.open(&name, &identity).await.unwrap();
            for request in [
                json!({"id": 1, "op": "hello"}),
                json!({"id": 2, "op": "subscribe", "streams": streams}),
            ] {
                let reply = self
                    .socket
                    .subscriptions
                    .request(&name, &request.to_string())
                    .await;
                assert!(reply.contains("\"ok\""), "{reply}");
            }
        }
    }

    async fn ticks(&mut self, ticks: Vec<Tick>) {
        let mut by_group: BTreeMap<GroupKey, Vec<Tick>> = BTreeMap::new();
        for tick in ticks {
            let group = Placement::default().group_of(&self.universe, &tick.instrument);
            by_group.entry(group).or_default().push(tick);
        }
        for (group, ticks) in by_group {
            let seq = self.next.get(&group).copied().unwrap_or(0);
            let body = ticks_message(&self.sender(&group, "usage", seq), &ticks);
            self.next.insert(group.clone(), seq + ticks.len() as u64);
            self.send(&group, body).await;
        }
    }
}

/// The counts of a run, for 1,000 ticks each.
async fn measure() -> BTreeMap<String, f64> {
    let mut simulator = Simulator::new(SimulatorOptions {
        seed: 7,
        instruments: INSTRUMENTS,
        rate_per_s: TICKS_PER_SECOND,
        start: START,
        mix: Mix::IndexAndOptions,
    })
    .unwrap();
    let mut run = Run::new();
    let keys = run.introduce(&simulator).await;
    run.connect(&keys).await;
    run.settle().await;

    let before = counts(&run.meter);
    let (accepted_before, allocations_before) =
        (run.ingest.stats().accepted.load(Relaxed), ALLOCATIONS.get());
    let mut next = simulator.next().unwrap();
    let mut sent = 0u64;
    let end = START.saturating_add(SECONDS * UnixNanos::PER_SECOND);
    let mut now = START;
    while now < end {
        now = now.saturating_add(FLUSH_NANOS);
        let mut due = Vec::new();
        while next.exchange_time < now {
            let following = simulator.next().unwrap();
            due.push(std::mem::replace(&mut next, following));
        }
        sent += due.len() as u64;
        run.clock.0.store(now.0, Relaxed);
        run.ticks(due).await;
        if (now.0 - START.0) % UnixNanos::PER_SECOND == 0 {
            let groups: Vec<GroupKey> = run.next.keys().cloned().collect();
            for group in groups {
                let time = now.saturating_add(-2 * UnixNanos::PER_SECOND);
                let body = clock_message(&run.sender(&group, "control", 0), time);
                run.send(&group, body).await;
            }
        }
        run.settle().await;
    }
    let accepted = run.ingest.stats().accepted.load(Relaxed) - accepted_before;
    assert_eq!(accepted, sent, "every tick was folded");
    let thousands = sent as f64 / 1_000.0;
    let allocations = (ALLOCATIONS.get() - allocations_before) as f64;
    let mut counted: BTreeMap<String, f64> = counts(&run.meter)
        .into_iter()
        .map(|(name, count)| {
            let count = count - before.get(&name).copied().unwrap_or(0.0);
            (name, count / thousands)
        })
        .filter(|(_, count)| *count > 0.0)
        .collect();
    counted.insert("allocations".to_owned(), allocations / thousands);
    // Two digits behind the point tell enough.
    counted
        .values_mut()
        .for_each(|count| *count = (*count * 100.0).round() / 100.0);
    counted
}

fn counts(meter: &Meter) -> BTreeMap<String, f64> {
    let snapshot = meter.snapshot();
    let mut counts = BTreeMap::from([
        ("read_units".to_owned(), snapshot.read_units()),
        ("write_units".to_owned(), snapshot.write_units()),
        ("queue_chunks".to_owned(), snapshot.queue_chunks_billed() as f64),
        ("posts".to_owned(), snapshot.posts.taken as f64),
    ]);
    for (table, calls) in &snapshot.store {
        for (call, used) in calls {
            counts.insert(format!("store_calls.{table}.{call}"), used.calls as f64);
        }
    }
    for (call, used) in &snapshot.queue {
        counts.insert(format!("queue_calls.{call}"), used.calls as f64);
    }
    counts
}

#[tokio::test]
async fn a_thousand_ticks_cost_no_more_than_before() {
    let found = measure().await;
    if std::env::var_os("TICKWIRE_REWRITE").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
        std::fs::write(FILE, text).unwrap();
        return;
    }
    let written: BTreeMap<String, f64> = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    let mut worse = Vec::new();
    for (name, count) in &found {
        let was = written.get(name).copied().unwrap_or(0.0);
        println!("{name:32} {was:>12.2} {count:>12.2}");
        if *count > was * WORSE_MAX {
            worse.push(format!("{name}: {count} for 1,000 ticks, and it was {was}"));
        }
    }
    assert!(worse.is_empty(), "{}", worse.join("\n"));
}

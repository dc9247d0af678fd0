//! The queues: SQS's FIFO semantics in this process.
//!
//! Message groups keep their order, and a group is locked while it has
//! messages in flight. A message that is not deleted within its visibility
//! timeout comes back; one that was received too often goes to the dead-letter
//! queue. A deduplication id is taken once in five minutes.
//!
//! An acknowledged send is on the disk: one thread writes, all that wait
//! share its transaction and its sync ([`journal`]). Texts stay in memory, so
//! that nothing is read to receive. Deletions are written behind: one that is
//! lost in a crash is a redelivery. After a restart, messages that were in
//! flight are visible at once.

mod dead_letters;
mod journal;
mod ledger;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tickwire_aws::{
    deduplication_window, message_body_bytes_max, postpone_max, receive_messages_max, receives_max,
    visibility_timeout,
};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{Clock, Enqueue, Outgoing, PortError, PortResult, Postpone, Queue};
use tickwire_telemetry::Meter;
use tickwire_telemetry::metrics::QueueCall;
use tokio::sync::Notify;
use tokio::time::Instant;

use journal::{Change, Journal, NewMessage};
use ledger::Ledger;
pub use state::Attributes;
use state::{Message, State};

use crate::store::{DataDirectory, StoreError};

/// Bytes of messages that all queues hold in memory; a send beyond them is throttled.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const backlog_bytes_max: usize = 1 << 30;

/// A queue of the twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueName {
    /// `ticks.fifo`.
    Ticks,
    /// `signals.fifo`.
    Signals,
    /// `ticks-dead.fifo`.
    TicksDead,
    /// `signals-dead.fifo`.
    SignalsDead,
}

impl QueueName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ticks, Self::Signals, Self::TicksDead, Self::SignalsDead];

    /// Its name, as in the template.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticks => "ticks.fifo",
            Self::Signals => "signals.fifo",
            Self::TicksDead => "ticks-dead.fifo",
            Self::SignalsDead => "signals-dead.fifo",
        }
    }

    /// Where its messages go when they die; nowhere from a dead-letter queue.
    pub fn dead_letters(self) -> Option<Self> {
        match self {
            Self::Ticks => Some(Self::TicksDead),
            Self::Signals => Some(Self::SignalsDead),
            Self::TicksDead | Self::SignalsDead => None,
        }
    }
}

impl From<Queue> for QueueName {
    fn from(queue: Queue) -> Self {
        match queue {
            Queue::Ticks => Self::Ticks,
            Queue::Signals => Self::Signals,
        }
    }
}

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its id.
    pub message_id: String,
    /// What deletes or postpones it during this flight.
    pub receipt: String,
    /// Its message group.
    pub group: Arc<str>,
    /// Its text.
    pub body: Arc<str>,
    /// What was sent along.
    pub attributes: Arc<Attributes>,
    /// Times it was received, this one included.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: UnixNanos,
}

/// What a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Gauges {
    /// Messages that are not in flight.
    pub waiting: usize,
    /// Messages in flight.
    pub in_flight: usize,
    /// Bytes of both.
    pub bytes: usize,
    /// When the oldest of them was sent.
    pub oldest_sent_at: Option<UnixNanos>,
}

/// How the queues behave.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// Receives after which a message goes to the dead-letter queue.
    pub receives_max: u32,
    /// How long a deduplication id is remembered.
    pub deduplication: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            visibility: visibility_timeout,
            receives_max,
            deduplication: deduplication_window,
        }
    }
}

/// The queues. Cheap to clone; the last clone to go writes what is pending.
#[derive(Clone)]
pub struct Queues {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// None in memory.
    journal: Option<Journal>,
}

/// What the callers and the writing thread share.
struct Shared {
    queues: Mutex<Contents>,
    arrivals: [Notify; QueueName::ALL.len()],
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
    options: QueueOptions,
}

struct Contents {
    states: [State; QueueName::ALL.len()],
    ledger: Ledger,
}

impl Contents {
    fn state(&mut self, queue: QueueName) -> &mut State {
        &mut self.states[queue as usize]
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, queue: QueueName) {
        self.arrivals[queue as usize].notify_one();
    }
}

impl Queues {
    /// On a file in `directory`, with what was in it.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(
        directory: &DataDirectory,
        options: QueueOptions,
        clock: Arc<dyn Clock>,
        meter: Arc<Meter>,
    ) -> Result<Self, StoreError> {
        let path: PathBuf = directory.private_file("queues.db")?;
        let mut store = journal::Store::open(&path)?;
        let mut contents = Contents {
            states: Default::default(),
            ledger: Ledger::new(options.deduplication),
        };
        store.load(clock.now(), &mut contents)?;
        let shared = Arc::new(Shared::new(contents, options, clock, meter));
        let journal =
            Journal::start(store, Arc::clone(&shared)).map_err(|e| StoreError::io("start", &path, &e))?;
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                journal: Some(journal),
            }),
        })
    }

    /// In memory.
    pub fn memory(options: QueueOptions, clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Self {
        let contents = Contents {
            states: Default::default(),
            ledger: Ledger::new(options.deduplication),
        };
        let shared = Arc::new(Shared::new(contents, options, clock, meter));
        Self {
            inner: Arc::new(Inner {
                shared,
                journal: None,
            }),
        }
    }

    /// Receives up to `max` messages (10 at most), waiting up to `wait` for
    /// the first. Several groups may be among them, each in its order.
    ///
    /// # Errors
    /// `Unavailable` if the receive of a message that an earlier process left
    /// could not be written; it comes back after the visibility timeout.
    pub async fn receive(&self, queue: QueueName, max: usize, wait: Duration) -> PortResult<Vec<Received>> {
        let visibility = self.inner.shared.options.visibility;
        self.receive_for(queue, max, wait, visibility).await
    }

    /// The same, hidden for another time than is usual.
    async fn receive_for(
        &self,
        queue: QueueName,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> PortResult<Vec<Received>> {
        let shared = &self.inner.shared;
        let end = Instant::now() + wait;
        // Whoever waits next looks after the deadlines that this call leaves.
        let _relay = Relay { shared, queue };
        let taken = loop {
            let arrival = shared.arrivals[queue as usize].notified();
            let now = shared.clock.now();
            let (taken, due) = self.take(queue, max.clamp(1, receive_messages_max), now, visibility);
            if !taken.is_empty() || Instant::now() >= end {
                break taken;
            }
            let due = due.map(|due| {
                Instant::now() + Duration::from_nanos(due.nanos_since(now).max(0).cast_unsigned())
            });
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep_until(due.map_or(end, |due| due.min(end))) => {}
            }
        };
        shared.meter.queue(
            QueueCall::Receive,
            taken.len(),
            taken.iter().map(|m| m.body.len()).sum(),
        );
        let counts: Vec<_> = taken
            .iter()
            .filter(|m| m.restored)
            .map(|m| (m.id, m.receives))
            .collect();
        if let Some(journal) = self.inner.journal.as_ref().filter(|_| !counts.is_empty()) {
            journal.write_counts(counts).await?;
        }
        Ok(taken
            .into_iter()
            .map(|message| received(queue, message))
            .collect())
    }

    fn take(
        &self,
        queue: QueueName,
        max: usize,
        now: UnixNanos,
        visibility: Duration,
    ) -> (Vec<Message>, Option<UnixNanos>) {
        let shared = &self.inner.shared;
        let deadline = after(now, visibility);
        let most = if queue.dead_letters().is_some() {
            shared.options.receives_max
        } else {
            u32::MAX
        };
        let mut contents = shared.lock();
        let taken = contents.state(queue).take(max, now, deadline, most);
        let due = contents.state(queue).next_deadline();
        let mut changes: Vec<(u64, Change)> = taken
            .received
            .iter()
            .filter(|m| !m.restored)
            .map(|m| (m.id, Change::Received(m.receives)))
            .collect();
        if let Some(dead) = queue.dead_letters().filter(|_| !taken.dead.is_empty()) {
            for mut message in taken.dead {
                tracing::warn!(
                    queue = queue.as_str(),
                    message = message.id,
                    "received too often: set aside"
                );
                message.receives = 0;
                changes.push((message.id, Change::Moved(dead)));
                contents.state(dead).add(message);
            }
            shared.arrived(dead);
        }
        drop(contents);
        if let Some(journal) = &self.inner.journal {
            journal.write_behind(changes);
        }
        (taken.received, due)
    }

    /// Deletes a message in flight; false if the receipt is of an earlier
    /// flight or its time is up: then the message comes back.
    pub fn delete(&self, queue: QueueName, receipt: &str) -> bool {
        let shared = &self.inner.shared;
        shared.meter.queue(QueueCall::Delete, 1, 0);
        let Some((id, receives)) = read_receipt(receipt) else {
            return false;
        };
        let now = shared.clock.now();
        let deleted = shared.lock().state(queue).delete(id, receives, now);
        if deleted {
            if let Some(journal) = &self.inner.journal {
                journal.write_behind(vec![(id, Change::Done)]);
            }
            shared.arrived(queue);
        }
        deleted
    }

    /// Deletes all messages of a queue, those in flight too; returns when that is durable.
    ///
    /// # Errors
    /// `Unavailable` if it could not be written.
    pub async fn purge(&self, queue: QueueName) -> PortResult<()> {
        match &self.inner.journal {
            Some(journal) => journal.purge(queue).await,
            None => {
                self.inner.shared.lock().state(queue).clear();
                Ok(())
            }
        }
    }

    /// What a queue holds.
    pub fn gauges(&self, queue: QueueName) -> Gauges {
        let mut contents = self.inner.shared.lock();
        let state = contents.state(queue);
        Gauges {
            waiting: state.waiting(),
            in_flight: state.in_flight(),
            bytes: state.bytes(),
            oldest_sent_at: state.oldest(),
        }
    }

    /// Sends to any of the queues.
    async fn send_to(&self, what: &'static str, message: NewMessage) -> PortResult<()> {
        let shared = &self.inner.shared;
        let bytes = message.bytes();
        match &self.inner.journal {
            Some(journal) => {
                if shared.lock().states.iter().map(State::bytes).sum::<usize>() > backlog_bytes_max {
                    return Err(PortError::Throttled { what });
                }
                journal.send(what, message).await?;
            }
            None => {
                let now = shared.clock.now();
                let queue = message.queue;
                let mut contents = shared.lock();
                if contents.states.iter().map(State::bytes).sum::<usize>() > backlog_bytes_max {
                    return Err(PortError::Throttled { what });
                }
                let fingerprint = message.fingerprint();
                if contents.ledger.is_new(fingerprint, now) {
                    let id = contents.ledger.next_id(now);
                    contents.ledger.record(fingerprint, now, id);
                    contents.state(queue).add(message.into_message(id, now));
                    drop(contents);
                    shared.arrived(queue);
                }
            }
        }
        shared.meter.queue(QueueCall::Send, 1, bytes);
        Ok(())
    }
}

impl Shared {
    fn new(contents: Contents, options: QueueOptions, clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Self {
        Self {
            queues: Mutex::new(contents),
            arrivals: Default::default(),
            clock,
            meter,
            options,
        }
    }
}

/// Wakes the next waiter when a receive ends, however it ends.
struct Relay<'a> {
    shared: &'a Shared,
    queue: QueueName,
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        let mut contents = self.shared.lock();
        let state = contents.state(self.queue);
        if state.is_ready() || state.next_deadline().is_some() {
            self.shared.arrived(self.queue);
        }
    }
}

fn after(now: UnixNanos, delay: Duration) -> UnixNanos {
    now.saturating_add(i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX))
}

fn received(queue: QueueName, message: Message) -> Received {
    Received {
        message_id: message_id(message.id),
        receipt: format!("{:x}.{:x}.{}", message.id, message.receives, queue as usize),
        group: message.group,
        body: message.body,
        attributes: message.attributes,
        receive_count: message.receives,
        sent_at: message.sent_at,
    }
}

fn message_id(id: u64) -> String {
    format!("{id:016x}")
}

/// Message and flight of a receipt.
fn read_receipt(receipt: &str) -> Option<(u64, u32)> {
    let mut parts = receipt.split('.');
    let id = u64::from_str_radix(parts.next()?, 16).ok()?;
    let receives = u32::from_str_radix(parts.next()?, 16).ok()?;
    Some((id, receives))
}

#[async_trait]
impl Enqueue for Queues {
    async fn send(&self, queue: Queue, message: Outgoing) -> PortResult<()> {
        let what = "queue.send";
        let bytes = message.body.len();
        if bytes > message_body_bytes_max || bytes == 0 {
            let why = format!("the text has {bytes} bytes; 1 to {message_body_bytes_max} can be sent");
            return Err(PortError::Refused { what, why });
        }
        let Outgoing {
            group,
            deduplication,
            body,
        } = message;
        self.send_to(
            what,
            NewMessage {
                queue: queue.into(),
                group,
                deduplication,
                body,
                attributes: Attributes::new(),
            },
        )
        .await
    }
}

impl Queues {
    async fn postpone_in(
        &self,
        what: &'static str,
        queue: QueueName,
        receipt: &str,
        delay: Duration,
    ) -> PortResult<()> {
        let shared = &self.inner.shared;
        shared.meter.queue(QueueCall::Postpone, 1, 0);
        let refused = |why: &str| {
            Err(PortError::Refused {
                what,
                why: why.to_owned(),
            })
        };
        let Some((id, receives)) = read_receipt(receipt) else {
            return refused("that is no receipt");
        };
        if delay > postpone_max {
            return refused("the delay is longer than 12 hours");
        }
        let now = shared.clock.now();
        if !shared
            .lock()
            .state(queue)
            .postpone(id, receives, now, after(now, delay))
        {
            return refused("the receipt has expired");
        }
        shared.arrived(queue);
        Ok(())
    }
}

#[async_trait]
impl Postpone for Queues {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> PortResult<()> {
        self.postpone_in("queue.postpone", queue.into(), receipt, delay)
            .await
    }
}

//! Twins of the ports in memory, for tests: one [`Store`], and a [`Process`]
//! for each consumer that works on it. A process can be told to fail, to lose
//! an answer, to stand still for a moment or for ever at any of its calls.

mod access_table;
mod tables;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tickwire_market::UnixNanos;
use tickwire_streams::GroupKey;
use tickwire_wire::{Publication, Segment, decode};

use crate::ingest_ticks::IngestPorts;
use crate::ports::{
    Appended, Bars, BlockRange, Checkpoints, Clock, DeadLetter, DeadLetters, Enqueue, Entropy, GroupRow,
    GroupView, Groups, Log, Outgoing, PageRange, PagesOf, Park, Parked, PortError, PortResult, Postpone,
    Queue, StoredBlock, StoredCheckpoint, StoredPage, StoredSegment,
};

pub use access_table::{
    ACCESS_INSTRUMENT, AccessRequest, access_message, access_preparation, access_request, access_table,
};
pub use tables::Tables;

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing happened.
    Before,
    /// It happens, and the answer is lost.
    After,
    /// The other side asks for less; nothing happened.
    Throttle,
    /// It can never succeed; nothing happened.
    Refuse,
    /// The process dies before it: the call never returns.
    DieBefore,
    /// The process dies after it took effect: the call never returns.
    DieAfter,
    /// It works, but others come first.
    Pause,
}

/// A call of a port, as a script sees it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Method of the port.
    pub what: &'static str,
    /// Calls of this process before it.
    pub nth: u64,
}

/// Name of a source whose events bring the folding down.
pub const SOURCE_THAT_PANICS: &str = "feed-that-panics";

pub(crate) fn panic_if_told(source: &str) {
    assert!(source != SOURCE_THAT_PANICS, "told to panic");
}

type Script = Box<dyn FnMut(Call) -> Option<Fault> + Send>;

/// What is stored. Fields may be looked at, and spoiled, by a test.
#[derive(Debug, Default)]
pub struct Content {
    /// The rows of groups.
    pub tables: Tables,
    /// Every segment of a latest row that was written, in order of writing.
    pub latest_history: Vec<(GroupKey, u64)>,
    /// Messages in the queues, each deduplication id once, in order.
    pub sent: Vec<(Queue, Outgoing)>,
    /// Sends, repeated ones included.
    pub sends: u64,
    /// Dead letters.
    pub parked: Vec<Parked>,
    /// Ids of those in hand.
    pub in_hand: BTreeSet<String>,
    /// Receipts that were put off.
    pub postponed: Vec<(String, Duration)>,
    /// Promises that a consumer broke.
    pub violations: Vec<String>,
    /// Signals of each segment whose publication was acknowledged to a consumer, on shard 0.
    acknowledged: BTreeMap<(GroupKey, u64), BTreeMap<String, usize>>,
}

/// The store and the queues, shared by all processes.
#[derive(Debug, Default)]
pub struct Store {
    content: Mutex<Content>,
    now: AtomicI64,
    minted: AtomicU64,
}

impl Store {
    /// An empty one, at a time.
    pub fn new(now: UnixNanos) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicI64::new(now.0),
            ..Self::default()
        })
    }

    /// What is stored.
    pub fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        self.now.fetch_add(nanos, Ordering::Relaxed);
    }

    /// A process to which nothing happens.
    pub fn process(self: &Arc<Self>) -> Arc<Process> {
        self.process_with(|_| None)
    }

    /// A process to which happens what `script` says, call by call.
    pub fn process_with(
        self: &Arc<Self>,
        script: impl FnMut(Call) -> Option<Fault> + Send + 'static,
    ) -> Arc<Process> {
        Arc::new(Process {
            store: self.clone(),
            script: Mutex::new(Box::new(script)),
            calls: AtomicU64::new(0),
        })
    }
}

impl Content {
    /// Segments of a group, decoded, in order.
    pub fn segments(&self, group: &GroupKey) -> Vec<(u64, Segment)> {
        let stored = self.tables.log.get(group).into_iter().flatten();
        stored
            .filter_map(|(number, bytes)| Some((*number, decode(bytes).ok()?)))
            .collect()
    }

    /// Publications in the queue of signals, in order.
    pub fn publications(&self) -> Vec<Publication> {
        let signals = self.sent.iter().filter(|(queue, _)| *queue == Queue::Signals);
        signals
            .filter_map(|(_, message)| Publication::from_text(&message.body).ok())
            .collect()
    }

    /// Whether the publication of a segment was acknowledged, all of it.
    fn is_published(&self, group: &GroupKey, number: u64) -> bool {
        let stored = self.tables.log.get(group).and_then(|log| log.get(&number));
        let Some(segment) = stored.and_then(|bytes| decode::<Segment>(bytes).ok()) else {
            return true;
        };
        let parts = self.acknowledged.get(&(group.clone(), number));
        segment.signals_len() == parts.map_or(0, |parts| parts.values().sum())
    }

    fn enqueue(&mut self, queue: Queue, message: Outgoing) {
        self.sends += 1;
        let known = self
            .sent
            .iter()
            .any(|(of, sent)| *of == queue && sent.deduplication == message.deduplication);
        if !known {
            self.sent.push((queue, message));
        }
    }

    fn acknowledge(&mut self, message: &Outgoing) {
        let Ok(publication) = Publication::from_text(&message.body) else {
            return;
        };
        if publication.shard == 0 {
            let parts = self
                .acknowledged
                .entry((publication.group, publication.segment))
                .or_default();
            parts.insert(message.deduplication.clone(), publication.signals.len());
        }
    }
}

/// One consumer: all ports, over the shared store.
pub struct Process {
    store: Arc<Store>,
    script: Mutex<Script>,
    calls: AtomicU64,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

/// Lets others come first, once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Drives futures by turns, chosen by `choose` among as many as are left, until
/// all are done or none of `steps_max` steps is left. What has died is `None`.
pub fn by_turns<T>(
    futures: Vec<std::pin::Pin<Box<dyn Future<Output = T> + '_>>>,
    mut choose: impl FnMut(usize) -> usize,
    steps_max: usize,
) -> Vec<Option<T>> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let mut left: Vec<_> = futures.into_iter().enumerate().collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..steps_max {
        if left.is_empty() {
            break;
        }
        let turn = choose(left.len()) % left.len();
        let (place, future) = &mut left[turn];
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            results[*place] = Some(result);
            drop(left.swap_remove(turn));
        }
    }
    results
}

impl Process {
    /// All ports of ingest.
    pub fn ingest_ports(self: &Arc<Self>) -> IngestPorts {
        IngestPorts::on(self, self, self.clone(), self.clone())
    }

    /// The store it works on.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What happens from now on.
    pub fn set_script(&self, script: impl FnMut(Call) -> Option<Fault> + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// One call of a port: the effect, and what goes wrong with it.
    pub async fn call<T>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut Content) -> PortResult<T> + Send,
    ) -> PortResult<T> {
        let nth = self.calls.fetch_add(1, Ordering::Relaxed);
        let fault = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(Call { what, nth });
        let lost = |why: &str| {
            Err(PortError::Unavailable {
                what,
                why: why.to_owned(),
            })
        };
        match fault {
            None => effect(&mut self.store.content()),
            Some(Fault::Pause) => {
                pause().await;
                effect(&mut self.store.content())
            }
            Some(Fault::Before) => lost("told to fail before the effect"),
            Some(Fault::After) => {
                effect(&mut self.store.content())?;
                lost("told to lose the answer")
            }
            Some(Fault::Throttle) => Err(PortError::Throttled { what }),
            Some(Fault::Refuse) => Err(PortError::Refused {
                what,
                why: "told to refuse".to_owned(),
            }),
            Some(Fault::DieBefore) => std::future::pending().await,
            Some(Fault::DieAfter) => {
                let _ = effect(&mut self.store.content());
                std::future::pending().await
            }
        }
    }
}

impl Clock for Process {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.store.now.load(Ordering::Relaxed))
    }
}

impl Entropy for Process {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        let minted = self.store.minted.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0xa5; 32];
        bytes[..4].copy_from_slice(&(minted as u32).to_be_bytes());
        Ok(bytes)
    }
}

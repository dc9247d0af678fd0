//! The ports: what the use cases need from the world, one verb each.
//!
//! Adapters (`shared/aws`) and the twins of the embedded host implement them,
//! and one contract suite a port runs against all of them. Every method may be
//! called again after a failure: a transient one says nothing about whether
//! the effect took place.

use std::time::Duration;

use async_trait::async_trait;
use tickwire_market::UnixNanos;
use tickwire_streams::GroupKey;

mod access;
mod bars;
mod connections;
mod secrets;
mod shard;

pub use access::*;
pub use bars::*;
pub use connections::*;
pub use secrets::*;
pub use shard::*;

/// Why a port failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PortError {
    /// The other side asks for less: back off, then again.
    #[error("{what} is throttled")]
    Throttled {
        /// Which call.
        what: &'static str,
    },
    /// No answer, or an answer that says «later»: whether the effect took place is unknown.
    #[error("{what} is unavailable: {why}")]
    Unavailable {
        /// Which call.
        what: &'static str,
        /// What is known, with nothing secret in it.
        why: String,
    },
    /// The request can never succeed (too large, not allowed, no such table).
    #[error("{what} was refused: {why}")]
    Refused {
        /// Which call.
        what: &'static str,
        /// What is known, with nothing secret in it.
        why: String,
    },
}

impl PortError {
    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// What a port answers.
pub type PortResult<T> = Result<T, PortError>;

/// The clock of an edge. The engine has none.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixNanos;

    /// Time since some moment, as it goes by whoever sets the clock. What may not be too old is
    /// measured by both: this one may stand still while a process is frozen.
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.now().0.unsigned_abs())
    }
}

/// Waits. What it bounds is a time budget, never a value.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Returns when `duration` has passed.
    async fn sleep(&self, duration: Duration);
}

/// Unpredictable bytes for tickets and log epochs.
pub trait Entropy: Send + Sync {
    /// 32 bytes from the operating system's generator.
    fn bytes(&self) -> PortResult<[u8; 32]>;
}

// ---------------------------------------------------------------- the log

/// The outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// This segment is now in the log.
    Committed,
    /// The number is taken: someone else committed it (or this writer did, and the answer was lost).
    Taken,
}

/// A stored segment, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    /// Its number, from 1, with no gap.
    pub number: u64,
    /// Encoded segment.
    pub bytes: Vec<u8>,
}

/// A group's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Minted once; anew by a restore from backup.
    pub epoch: String,
    /// Shards of connections to which segments are published.
    pub shards: u16,
}

/// What readers of a group begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The group's row.
    pub row: GroupRow,
    /// The newest plan, as of [`Groups::plan`].
    pub plan: Option<(u64, Vec<u8>)>,
    /// The `latest` row, as of [`Groups::latest`].
    pub latest: Option<(u64, Vec<u8>)>,
}

/// A checkpoint's manifest and the pages it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Last segment folded into it.
    pub segment: u64,
    /// Encoded manifest.
    pub manifest: Vec<u8>,
}

/// The log of groups: one conditional append, strongly consistent reads.
#[async_trait]
pub trait Log: Send + Sync {
    /// Puts segment `number` if no segment has that number.
    async fn append(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> PortResult<Appended>;
    /// Segments `from..` in order, at most about `bytes_max` (at least one if there is one). Strongly consistent.
    async fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> PortResult<Vec<StoredSegment>>;
    /// Those of the segments `from..=to` that there are, in order. Strongly consistent.
    async fn between(&self, group: &GroupKey, from: u64, to: u64) -> PortResult<Vec<StoredSegment>>;
    /// Number of the last segment (0: none). Strongly consistent.
    async fn head(&self, group: &GroupKey) -> PortResult<u64>;
    /// Deletes segments, those that are gone already included.
    async fn forget(&self, group: &GroupKey, numbers: &[u64]) -> PortResult<()>;
}

/// Rows of groups.
#[async_trait]
pub trait Groups: Send + Sync {
    /// The group's row. Strongly consistent.
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>>;
    /// Creates the row if there is none; returns the one that stands.
    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow>;
    /// Notes that a suspicious message is about to be folded; returns how many
    /// times that was noted since [`Groups::end_attempt`], this one included.
    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32>;
    /// The message's folding came to an end, good or bad, and the process lives.
    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()>;
    /// All groups of all universes, with events in the last days.
    async fn groups(&self) -> PortResult<Vec<GroupKey>>;
    /// Those too that have had none for long, as long as their log is kept.
    async fn groups_with_log(&self) -> PortResult<Vec<GroupKey>> {
        self.groups().await
    }
    /// Writes the encoded plan (streams by id) of a group; a row of a lower version never replaces one of a higher.
    async fn put_plan(&self, group: &GroupKey, version: u64, bytes: &[u8]) -> PortResult<()>;
    /// The newest plan: version and bytes. Strongly consistent.
    async fn plan(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>>;
    /// Writes the `latest` row; a row of a lower segment never replaces one of a higher.
    async fn put_latest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()>;
    /// The `latest` row: segment and bytes. Strongly consistent.
    async fn latest(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>>;
    /// Views of groups, each named once, in their order; none of a group without a row. Every
    /// part is strongly consistent, and each is as of a moment of its own.
    async fn views(&self, groups: &[GroupKey]) -> PortResult<Vec<Option<GroupView>>>;
}

/// Checkpoints: immutable pages, the manifest last.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// Puts a page; pages are named by the segment they were written at and their number.
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()>;
    /// Reads pages, in the order asked for; a page that is missing is `None`.
    async fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> PortResult<Vec<Option<Vec<u8>>>>;
    /// Puts the manifest of the checkpoint at `segment`.
    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()>;
    /// The newest `limit` manifests at or below `segment_max`, newest first.
    async fn manifests(
        &self,
        group: &GroupKey,
        segment_max: u64,
        limit: usize,
    ) -> PortResult<Vec<StoredCheckpoint>>;
    /// Deletes a checkpoint's manifest and the pages named.
    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()>;
}

// ------------------------------------------------------------- the queues

/// The queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// `ticks.fifo`: events of groups.
    Ticks,
    /// `signals.fifo`: committed segments, to be delivered.
    Signals,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Message group: one order.
    pub group: String,
    /// Deduplication id, never made from the content.
    pub deduplication: String,
    /// Text.
    pub body: String,
}

/// Sends to a queue.
#[async_trait]
pub trait Enqueue: Send + Sync {
    /// Sends; returns when the message is durable.
    async fn send(&self, queue: Queue, message: Outgoing) -> PortResult<()>;
}

/// A message that cannot be worked on, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The queue it came from.
    pub queue: Queue,
    /// Its group there.
    pub group: String,
    /// Its id there.
    pub message_id: String,
    /// Code of the reason.
    pub reason: String,
    /// The reason in words.
    pub detail: String,
    /// The text as received.
    pub body: String,
}

/// Dead letters.
#[async_trait]
pub trait Park: Send + Sync {
    /// Puts the message aside; returns when it is durable.
    async fn park(&self, parked: Parked) -> PortResult<()>;
}

/// A message that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id among the dead letters.
    pub id: String,
    /// What puts it down or removes it while it is in hand.
    pub receipt: String,
    /// Its message group.
    pub group: String,
    /// When it was set aside.
    pub parked_at: UnixNanos,
    /// Its id where it came from; unknown of one that the queue itself set aside.
    pub source_message_id: Option<String>,
    /// Code of the reason, and the reason in words; unknown of such a one.
    pub reason: Option<String>,
    /// See `reason`.
    pub detail: Option<String>,
    /// The text as received.
    pub body: String,
}

/// What became of the dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// About how many there are of a queue, those in hand included.
    async fn count(&self, queue: Queue) -> PortResult<u64>;
    /// Takes up to `max` into hand, ten at most: nobody is given them until they
    /// are put down or removed, or `hold` has passed. A message group of which
    /// some are in hand gives no others.
    async fn take(&self, queue: Queue, max: usize, hold: Duration) -> PortResult<Vec<DeadLetter>>;
    /// Puts one back at its place.
    async fn put_down(&self, queue: Queue, receipt: &str) -> PortResult<()>;
    /// Removes one for good.
    async fn remove(&self, queue: Queue, receipt: &str) -> PortResult<()>;
}

/// Puts off redelivery of a message in flight.
#[async_trait]
pub trait Postpone: Send + Sync {
    /// The message becomes visible again after `delay`.
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> PortResult<()>;
}

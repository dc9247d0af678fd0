//! The ports: what the use cases need from the world, one verb each.
//!
//! Adapters (`shared/aws`) and the twins of the embedded host implement them,
//! and one contract suite a port runs against all of them. Every method may be
//! called again after a failure: a transient one says nothing about whether
//! the effect took place.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tickwire_entitlements::{Identity, Product, Proof, Usage};
use tickwire_market::UnixNanos;
use tickwire_streams::GroupKey;

mod access;
mod bars;
mod shard;

pub use access::*;
pub use bars::*;
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

// -------------------------------------------------- connections and pushing

/// A stream a connection subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subscription {
    /// Stream key, canonical.
    pub key: String,
    /// The client's handle for it.
    pub s: u32,
    /// Only the latest value matters.
    pub last: bool,
}

/// A connection's subscriptions in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Connection id.
    pub connection: String,
    /// Whose it is: by it is judged what is sent, and its paid streams carry its mark.
    pub identity: Identity,
    /// Its streams in this group.
    pub subscriptions: Vec<Subscription>,
    /// A post failed and the client was not told yet: its next resume clears it.
    pub behind: bool,
}

/// What a connection has in a shard: with no subscriptions it is no subscriber there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The group.
    pub group: GroupKey,
    /// The connection's shard of it.
    pub shard: u16,
    /// Its streams in the group.
    pub subscriptions: Vec<Subscription>,
}

impl Subscribed {
    /// The group and shard.
    pub fn place(&self) -> (GroupKey, u16) {
        (self.group.clone(), self.shard)
    }
}

/// Subscribers that one [`Connections::update`] writes: a transaction of the store has 100 rows.
pub const SUBSCRIBERS_PER_UPDATE_MAX: usize = 99;

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Connection id.
    pub connection: String,
    /// The user.
    pub user: String,
    /// The user's tier.
    pub tier: tickwire_entitlements::Tier,
    /// The world it reads.
    pub universe: tickwire_streams::Universe,
    /// When it was opened.
    pub opened_at: UnixNanos,
    /// When it must end.
    pub expires_at: UnixNanos,
    /// What proved the user's identity.
    pub proof: Proof,
    /// Greatest request id of a change of subscriptions; lower ones lose.
    pub request_id: u64,
    /// All subscriptions, in order of subscription.
    pub subscriptions: Vec<Subscription>,
    /// What it is behind, where that is more than its credit.
    pub owed: Option<Owed>,
    /// Groups of streams that were taken out by the last change, or since: until the next one has
    /// been there too, their subscribers may not show it yet.
    pub left: BTreeSet<GroupKey>,
    /// Changes of the last seconds.
    pub changes: Usage,
}

impl ConnectionRow {
    /// Whose it is, for as long as it lives.
    pub fn identity(&self) -> Identity {
        Identity {
            user: self.user.clone(),
            tier: self.tier,
            expires_at: self.expires_at,
            proof: self.proof.clone(),
        }
    }

    /// As one of its user's.
    pub fn of_user(&self) -> UserConnection {
        UserConnection {
            connection: self.connection.clone(),
            opened_at: self.opened_at,
        }
    }

    /// The subscriber that it is where it has these streams.
    pub fn subscriber(&self, subscriptions: &[Subscription]) -> Subscriber {
        Subscriber {
            connection: self.connection.clone(),
            identity: self.identity(),
            subscriptions: subscriptions.to_vec(),
            behind: false,
        }
    }
}

/// What a connection has to reach within a heartbeat to count as keeping up.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owed {
    /// When it was told.
    pub told_at: UnixNanos,
    /// The tops that it was told, by handle.
    pub tops: std::collections::BTreeMap<u32, tickwire_streams::Offset>,
}

/// Connections and subscribers.
#[async_trait]
pub trait Connections: Send + Sync {
    /// Opens the connection.
    async fn open(&self, row: &ConnectionRow) -> PortResult<()>;
    /// The connection's row, unless its close has begun. Strongly consistent.
    async fn connection(&self, connection: &str) -> PortResult<Option<ConnectionRow>>;
    /// Replaces the row if its stored request id is still `was`, and with it the connection's
    /// subscribers in some shards, [`SUBSCRIBERS_PER_UPDATE_MAX`] at most: all or nothing. Then
    /// raises the versions of those shards, which name the connection. False, and nothing is written, if the id is another,
    /// if there is no row or its close has begun, or if someone else is writing one of the rows.
    async fn update(&self, row: &ConnectionRow, was: u64, subscribed: &[Subscribed]) -> PortResult<bool>;
    /// From now on no [`update`](Self::update) of the connection is written, so that its row names all
    /// the groups in which it may have a subscriber. The row as it stands, also where a close was
    /// cut short; none if there is none.
    async fn begin_close(&self, connection: &str) -> PortResult<Option<ConnectionRow>>;
    /// Forgets a connection and its subscribers in `shards` (group and shard).
    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()>;
    /// Takes streams out of a connection, whose row then names the group as one that it left, and
    /// out of its subscriber in the shard, whatever else changes in them meanwhile; then raises
    /// the shard's version.
    async fn drop_streams(
        &self,
        group: &GroupKey,
        shard: u16,
        connection: &str,
        keys: &[String],
    ) -> PortResult<()>;
    /// A user's connections, from before their rows are there until they are forgotten or their time
    /// is over. Strongly consistent.
    async fn connections_of(&self, user: &str) -> PortResult<Vec<UserConnection>>;
    /// Marks a subscriber as behind; raises no version.
    async fn mark_behind(&self, group: &GroupKey, shard: u16, connection: &str) -> PortResult<()>;
    /// The shard's version. Strongly consistent.
    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<ShardVersion>;
    /// The shard's subscribers. Strongly consistent, read after the version.
    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>>;
    /// Those of the connections named that are subscribers of the shard, in no order. Strongly
    /// consistent, read after the version that names them.
    async fn subscribers_of(
        &self,
        group: &GroupKey,
        shard: u16,
        connections: &[String],
    ) -> PortResult<Vec<Subscriber>>;
}

/// A connection among those of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConnection {
    /// Its name.
    pub connection: String,
    /// When it was opened.
    pub opened_at: UnixNanos,
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// The platform took it.
    Taken,
    /// The connection is gone: forget it.
    Gone,
}

/// Posts to connections.
#[async_trait]
pub trait Push: Send + Sync {
    /// Posts one frame.
    async fn post(&self, connection: &str, frame: String) -> PortResult<Posted>;
    /// Posts one frame if it can be taken at once, and otherwise gives it back. Who posts over a
    /// network never can.
    fn post_at_once(&self, connection: &str, frame: String) -> Result<(), String> {
        let _ = connection;
        Err(frame)
    }
    /// Whether the connection stands, as far as the platform knows. It does not yet while it is
    /// being opened.
    async fn stands(&self, connection: &str) -> PortResult<bool>;
    /// Ends the connection.
    async fn disconnect(&self, connection: &str) -> PortResult<()>;
}

// ------------------------------------------------------ access and secrets

/// What a ticket stands for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TicketGrant {
    /// The user.
    pub user: String,
    /// The user's tier.
    pub tier: tickwire_entitlements::Tier,
    /// End of the ticket.
    pub expires_at: UnixNanos,
    /// End of the identity it was made from.
    pub identity_expires_at: UnixNanos,
    /// What proved that identity.
    pub proof: Proof,
}

/// One-time tickets, stored by the hash of their text.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Stores a ticket.
    async fn put_ticket(&self, hash: &str, grant: &TicketGrant) -> PortResult<()>;
    /// Takes a ticket: deletes it and returns what it stood for. Of two takers one gets it.
    async fn take_ticket(&self, hash: &str) -> PortResult<Option<TicketGrant>>;
}

/// Grants of products to users.
#[async_trait]
pub trait Grants: Send + Sync {
    /// All grants of a user, those that ended and those to come among them.
    async fn grants(&self, user: &str) -> PortResult<Vec<tickwire_entitlements::Grant>>;
    /// Those of the products named that there are, in no order. Strongly consistent.
    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>>;
}

/// Writes grants and products.
#[async_trait]
pub trait GrantBook: Send + Sync {
    /// Stores a grant, in place of the one that the user has of the product.
    async fn put_grant(&self, grant: &tickwire_entitlements::Grant) -> PortResult<()>;
    /// Stores a product, if what stands is of the revision before, or if there is none and its
    /// revision is 1; whether it is stored.
    async fn put_product(&self, product: &Product) -> PortResult<bool>;
    /// All products, by name.
    async fn all_products(&self) -> PortResult<Vec<Product>>;
}

/// A secret: printed as `***` by everything.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Wraps the bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Current and, during a rotation, previous version of a secret.
#[derive(Clone)]
pub struct SecretVersions {
    /// New signatures are made with it.
    pub current: Secret,
    /// Still accepted.
    pub previous: Option<Secret>,
}

impl SecretVersions {
    /// Whether both versions are the same.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let bytes = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.0.clone());
        self.current.0 == other.current.0 && bytes(&self.previous) == bytes(&other.previous)
    }
}

/// Secrets by name.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The versions of a secret, which may have been read a while ago.
    async fn secret(&self, name: &str) -> PortResult<SecretVersions>;
    /// The versions as they are now, or as they were a few seconds ago: for when something does
    /// not verify that may be signed with a newer one. Whoever keeps none has nothing to renew.
    async fn renewed_secret(&self, name: &str) -> PortResult<SecretVersions> {
        self.secret(name).await
    }
}

/// Which versions of a secret stand in which stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretStages {
    /// Id of the version that signs.
    pub current: Option<String>,
    /// Id of the version that a rotation is making; it may have no value yet.
    pub pending: Option<String>,
}

/// Versions of a secret while it is rotated. A version's id is given by whoever rotates.
#[async_trait]
pub trait SecretRotation: Send + Sync {
    /// Who stands in which stage.
    async fn stages(&self, secret: &str) -> PortResult<SecretStages>;
    /// The value of a version; none as long as it has none.
    async fn version(&self, secret: &str, version: &str) -> PortResult<Option<Secret>>;
    /// Gives the pending version its value.
    async fn put_pending(&self, secret: &str, version: &str, value: &Secret) -> PortResult<()>;
    /// Makes `version` the current one, and `current` the previous one.
    async fn promote(&self, secret: &str, version: &str, current: &str) -> PortResult<()>;
}

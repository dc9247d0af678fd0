//! Deliver: the signals of committed segments, to the connections that want them.
//!
//! At least once, and nothing is stored per frame: a post that fails leaves a
//! hole in the chain, which the client sees and fills by resuming. No message
//! fails because of one connection.
//!
//! Where posts are short of the quota, a connection is answered by 429, or its user had
//! as many frames as the tier has, what it is to have is carried to the next run, conflated
//! to the latest of each stream; `n` tells the client how many signals an item stands for.
//! Whose turn it is goes by the tier's weight.

mod carry;
mod gone;
mod outboxes;
mod pace;
mod post;
mod rate;
mod shard;
mod standing;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use tickwire_streams::{GroupKey, PostQuota};
use tickwire_wire::{BinaryError, Publication, PublicationError};

use crate::access::Access;
use crate::entitle::Entitle;
use crate::open_connection::{ConnectionPorts, GoodbyeCode, end};
use crate::placement::Placement;
use crate::plans::Plans;
use crate::ports::{
    Clock, Connections, Groups, Park, Parked, PortError, PortResult, Postpone, Push, Queue, Secrets,
    ShardVersion, Timer, UsageRows,
};
use crate::queue_message::QueueMessage;
use crate::watermark::Watermarks;

pub use rate::FRAMES_LEASE_S;

use carry::{Carry, Due, Throttled};
use gone::Gone;
use outboxes::Outboxes;
use pace::Pace;
use rate::Rates;
use shard::{Index, Subscribers};
use standing::Standing;

/// Receive count from which a message is delivered alone.
pub const RECEIVES_ALONE: u32 = 3;
/// Receive count up to which a publication waits for a plan row that knows its streams.
const RECEIVES_FOR_PLAN: u32 = 5;
/// Shortest and longest back-off of a failed message.
pub const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// Time for all posts of a batch to one connection.
pub const POST_BUDGET: Duration = Duration::from_secs(1);
/// Connections posted to at once.
pub const POSTS_AT_ONCE: usize = 64;
/// Connections that are gone, forgotten at once.
const FORGOTTEN_AT_ONCE: usize = 8;
/// Shards kept in memory.
const SHARDS_MAX: u64 = 1_024;

/// What deliver needs from the world.
#[derive(Clone)]
pub struct DeliverPorts {
    /// Plans, to know which stream is which.
    pub groups: Arc<dyn Groups>,
    /// Who wants what.
    pub connections: Arc<dyn Connections>,
    /// Frames go here.
    pub push: Arc<dyn Push>,
    /// Poison goes here.
    pub park: Arc<dyn Park>,
    /// Back-off.
    pub postpone: Arc<dyn Postpone>,
    /// For the budget of a connection.
    pub timer: Arc<dyn Timer>,
    /// Who may still read what.
    pub access: Access,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl From<&DeliverPorts> for ConnectionPorts {
    fn from(ports: &DeliverPorts) -> Self {
        Self {
            connections: ports.connections.clone(),
            groups: ports.groups.clone(),
            push: ports.push.clone(),
            access: ports.access.clone(),
            clock: ports.clock.clone(),
        }
    }
}

/// Counts of this process.
#[derive(Debug, Default)]
pub struct DeliverStats {
    /// Publications delivered.
    pub publications: AtomicU64,
    /// Signals in them.
    pub signals: AtomicU64,
    /// Signals that someone wanted, each counted once.
    pub signals_wanted: AtomicU64,
    /// Items of data frames, each counted for each connection.
    pub items: AtomicU64,
    /// Frames that were taken.
    pub posts: AtomicU64,
    /// Bytes of those.
    pub post_bytes: AtomicU64,
    /// Connections that were gone, and are forgotten.
    pub gone: AtomicU64,
    /// Times a connection did not take its frames: what it lacks is a hole, or comes later.
    pub holes: AtomicU64,
    /// Times a connection's frames were put off, as posts were short of the quota.
    pub deferred: AtomicU64,
    /// Times a connection's frames waited, as its user had as many as the tier has.
    pub held: AtomicU64,
    /// Items that were not sent, as no watermark could be made or grants not be read.
    pub withheld: AtomicU64,
    /// Streams that ended as their reader may not read them any longer.
    pub revoked: AtomicU64,
    /// Connections that were ended, as their identity no longer holds.
    pub ended: AtomicU64,
    /// Messages parked.
    pub parked: AtomicU64,
    /// Messages put back because of a passing fault.
    pub failed: AtomicU64,
}

impl DeliverStats {
    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Relaxed);
    }
}

/// Why a message is no publication of ours.
enum Unread {
    /// A newer build wrote it.
    Newer(BinaryError),
    /// Nobody can read it.
    Poison(PublicationError),
}

/// The use case.
pub struct Deliver {
    ports: DeliverPorts,
    placement: Placement,
    plans: Plans,
    shards: moka::sync::Cache<(GroupKey, u16), Arc<Index>>,
    posts: tokio::sync::Semaphore,
    gone: Gone,
    forgetting: tokio::sync::Semaphore,
    watermarks: Watermarks,
    entitle: Entitle,
    /// What could not be sent yet.
    carry: Carry,
    throttled: Throttled,
    /// The frames of users.
    rates: Rates,
    /// The posts it may make; without, as many as it likes.
    pace: Option<Pace>,
    stats: Arc<DeliverStats>,
}

impl Deliver {
    /// With everything cold.
    pub fn new(ports: DeliverPorts, placement: Placement) -> Self {
        Self {
            plans: Plans::new(ports.groups.clone()),
            entitle: Entitle::new(ports.access.clone()),
            ports,
            placement,
            shards: moka::sync::Cache::new(SHARDS_MAX),
            posts: tokio::sync::Semaphore::new(POSTS_AT_ONCE),
            gone: Gone::default(),
            forgetting: tokio::sync::Semaphore::new(FORGOTTEN_AT_ONCE),
            watermarks: Watermarks::default(),
            carry: Carry::default(),
            throttled: Throttled::default(),
            rates: Rates::new(None),
            pace: None,
            stats: Arc::default(),
        }
    }

    /// With the secrets that watermarks are made with; without, nothing of paid streams is sent.
    #[must_use]
    pub fn marked_by(self, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            watermarks: Watermarks::of(secrets),
            ..self
        }
    }

    /// With no more posts than a quota, which is this process's own: who divides an account's
    /// quota among as many processes as there are keeps it, whatever each of them does.
    #[must_use]
    pub fn within(self, quota: Option<PostQuota>) -> Self {
        Self {
            pace: quota.map(Pace::new),
            ..self
        }
    }

    /// With the frames of users counted in rows that all processes share; without, this one counts
    /// what it sends itself.
    #[must_use]
    pub fn counting_in(self, rows: Arc<dyn UsageRows>) -> Self {
        Self {
            rates: Rates::new(Some(rows)),
            ..self
        }
    }

    /// Counts of this process.
    pub fn stats(&self) -> Arc<DeliverStats> {
        self.stats.clone()
    }

    /// Works on a batch; returns the ids of the messages that are to come back,
    /// which are the failed ones and all that follow them in their group.
    pub async fn deliver(&self, messages: Vec<QueueMessage>) -> Vec<String> {
        let mut groups: Vec<Vec<QueueMessage>> = Vec::new();
        for message in messages {
            match groups
                .iter_mut()
                .find(|members| members[0].group == message.group)
            {
                Some(members) => members.push(message),
                None => groups.push(vec![message]),
            }
        }
        let failed = join_all(groups.iter().map(|messages| self.deliver_group(messages))).await;
        failed.into_iter().flatten().collect()
    }

    async fn deliver_group(&self, messages: &[QueueMessage]) -> Vec<String> {
        let mut rest = messages;
        while !rest.is_empty() {
            match self.deliver_some(rest).await {
                Ok(done) => rest = &rest[done..],
                Err(error) => {
                    tracing::warn!(group = rest[0].group, messages = rest.len(), %error, "messages put back");
                    return self.put_back(rest).await;
                }
            }
        }
        Vec::new()
    }

    /// Puts messages back with a back-off that grows with their receive count.
    async fn put_back(&self, messages: &[QueueMessage]) -> Vec<String> {
        DeliverStats::add(&self.stats.failed, messages.len());
        for message in messages {
            let delay = BACK_OFF
                .0
                .saturating_mul(message.receive_count.clamp(1, 8))
                .min(BACK_OFF.1);
            // Without it the message waits for its visibility to run out: later, but not lost.
            if let Err(error) = self
                .ports
                .postpone
                .postpone(Queue::Signals, &message.receipt, delay)
                .await
            {
                tracing::debug!(%error, "failed to shorten the back-off");
            }
        }
        messages.iter().map(|message| message.id.clone()).collect()
    }

    /// Works on the first messages, as many as go together; returns how many.
    async fn deliver_some(&self, messages: &[QueueMessage]) -> PortResult<usize> {
        let mut run: Vec<Publication> = Vec::new();
        for message in messages {
            // What may have killed the process before is delivered alone.
            let alone = message.receive_count >= RECEIVES_ALONE;
            if alone && !run.is_empty() {
                break;
            }
            match read(message) {
                Ok(publication) => {
                    let fits = run
                        .first()
                        .is_none_or(|f| f.group == publication.group && f.shard == publication.shard);
                    if !fits {
                        break;
                    }
                    run.push(publication);
                }
                Err(_) if !run.is_empty() => break,
                Err(Unread::Newer(error)) => return Err(crate::plans::unreadable("publication", &error)),
                Err(Unread::Poison(error)) => {
                    self.park(message, "publication_malformed", error.to_string())
                        .await?;
                    return Ok(1);
                }
            }
            if alone {
                break;
            }
        }
        let waits = messages[0].receive_count < RECEIVES_FOR_PLAN;
        if let Some(outcome) = self.deliver_guarded(&run, waits).await {
            return outcome.map(|()| run.len());
        }
        // Something in the run panics: one at a time, so that only that is parked.
        for (publication, message) in run.iter().zip(messages) {
            match self
                .deliver_guarded(std::slice::from_ref(publication), waits)
                .await
            {
                Some(outcome) => outcome?,
                None => {
                    self.park(message, "panic", "delivering it panicked".to_owned())
                        .await?
                }
            }
        }
        Ok(run.len())
    }

    /// `None` if it panicked.
    async fn deliver_guarded(&self, run: &[Publication], waits: bool) -> Option<PortResult<()>> {
        AssertUnwindSafe(self.deliver_run(run, waits))
            .catch_unwind()
            .await
            .ok()
    }

    async fn park(&self, message: &QueueMessage, reason: &str, detail: String) -> PortResult<()> {
        tracing::error!(
            group = message.group,
            message_id = message.id,
            reason,
            detail,
            "message parked"
        );
        let parked = Parked {
            queue: Queue::Signals,
            group: message.group.clone(),
            message_id: message.id.clone(),
            reason: reason.to_owned(),
            detail,
            body: message.body.clone(),
        };
        self.ports.park.park(parked).await?;
        DeliverStats::add(&self.stats.parked, 1);
        Ok(())
    }

    /// Delivers publications of one shard, in order.
    async fn deliver_run(&self, run: &[Publication], waits: bool) -> PortResult<()> {
        let Some(first) = run.first() else {
            return Ok(());
        };
        let (group, shard) = (&first.group, first.shard);
        if let Some(index) = self.index(run, group, shard, waits).await? {
            let place = (group, shard, first.epoch.as_str());
            let carried = self.carry.take(place, &index);
            let of_run = run.iter().flat_map(|publication| &publication.signals);
            let streams = of_run.map(|signal| signal.stream);
            let streams = streams.chain(carried.values().flatten().map(Due::stream));
            let standing = match Standing::of(&self.ports, &self.entitle, streams, &index).await {
                Ok(standing) => standing,
                Err(error) => {
                    self.carry.put(place, &index, carried);
                    return Err(error);
                }
            };
            let mark = self.watermarks.key(index.any_marked()).await;
            let outboxes = Outboxes::new(&index, mark.as_ref(), &standing);
            let left = self.post_run(run, place, &index, outboxes, &carried).await;
            self.carry.put(place, &index, left);
            stream::iter(standing.over())
                .for_each_concurrent(POSTS_AT_ONCE, |(member, code)| self.end(&index, member, code))
                .await;
        }
        DeliverStats::add(&self.stats.publications, run.len());
        DeliverStats::add(
            &self.stats.signals,
            run.iter().map(|publication| publication.signals.len()).sum(),
        );
        Ok(())
    }

    /// Who wants which stream, as of now; `None` if nobody wants any.
    async fn index(
        &self,
        run: &[Publication],
        group: &GroupKey,
        shard: u16,
        waits: bool,
    ) -> PortResult<Option<Arc<Index>>> {
        // First the version, then the subscribers: what is read is at least as new as its version says.
        let version = self.ports.connections.shard_version(group, shard).await?;
        let place = (group.clone(), shard);
        let held = self.shards.get(&place);
        let subscribers = match &held {
            Some(index) if index.subscribers.version.version == version.version => index.subscribers.clone(),
            held => {
                let held = held.as_ref().map(|index| &*index.subscribers);
                Arc::new(self.subscribers((group, shard), held, version).await?)
            }
        };
        let plan_version = run
            .iter()
            .map(|publication| publication.plan_version)
            .max()
            .unwrap_or(0);
        let plan = match subscribers.members.is_empty() {
            true => None,
            false => self.plans.at_least(group, plan_version).await?,
        };
        let plan = plan.unwrap_or_default();
        if !subscribers.members.is_empty() && plan.version < plan_version && waits {
            let why = format!(
                "its version is {}, the publication's {plan_version}",
                plan.version
            );
            return Err(PortError::Unavailable { what: "plan", why });
        }
        let index = match held {
            Some(index)
                if Arc::ptr_eq(&index.subscribers, &subscribers) && index.plan.version == plan.version =>
            {
                index
            }
            _ => {
                let index = Arc::new(Index::new(subscribers, plan));
                self.shards.insert(place, index.clone());
                index
            }
        };
        Ok((!index.subscribers.members.is_empty()).then_some(index))
    }

    /// The subscribers of a shard as of a version: what changed since those that are held, or all.
    async fn subscribers(
        &self,
        (group, shard): (&GroupKey, u16),
        held: Option<&Subscribers>,
        version: ShardVersion,
    ) -> PortResult<Subscribers> {
        let connections = &self.ports.connections;
        let changed = held.and_then(|held| Some((held, version.changed_since(&held.version)?)));
        Ok(match changed {
            Some((held, changed)) => {
                let rows = connections.subscribers_of(group, shard, &changed).await?;
                held.renewed(version, &changed, rows)
            }
            None => Subscribers::new(version, connections.subscribers(group, shard).await?),
        })
    }

    /// Ends a connection whose identity no longer holds.
    async fn end(&self, index: &Index, member: usize, code: GoodbyeCode) {
        let Some(subscriber) = index.subscribers.members.get(member) else {
            return;
        };
        DeliverStats::add(&self.stats.ended, 1);
        end(
            &(&self.ports).into(),
            &self.placement,
            &subscriber.connection,
            code,
        )
        .await;
    }
}

fn read(message: &QueueMessage) -> Result<Publication, Unread> {
    Publication::from_text(&message.body).map_err(|error| match error {
        PublicationError::Binary(error @ BinaryError::Newer { .. }) => Unread::Newer(error),
        error => Unread::Poison(error),
    })
}

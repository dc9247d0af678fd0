//! Deliver: the signals of committed segments, to the connections that want them.
//!
//! At least once, and nothing is stored per frame: a post that fails leaves a
//! hole in the chain, which the client sees and fills by resuming. No message
//! fails because of one connection.

mod outboxes;
mod pace;
mod shard;
mod standing;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, join_all, select};
use futures_util::stream::{self, StreamExt as _};
use rustc_hash::FxHashMap;
use tickwire_entitlements::watermark::WatermarkKey;
use tickwire_signals::StreamId;
use tickwire_streams::{GroupKey, Span};
use tickwire_wire::{BinaryError, Publication, PublicationError};

use crate::access::Access;
use crate::entitle::Entitle;
use crate::open_connection::{ConnectionPorts, GoodbyeCode, end, forget};
use crate::placement::Placement;
use crate::plans::Plans;
use crate::ports::{
    Clock, Connections, Groups, Park, Parked, PortError, PortResult, Posted, Postpone, Push, Queue, Secrets,
    Timer,
};
use crate::queue_message::QueueMessage;
use crate::watermark::Watermarks;

use outboxes::{Filled, Outboxes};
use pace::{Newest, Pace, lock};
use shard::{Index, Subscribers, Target};
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
    /// Times a connection did not take its frames, which left a hole.
    pub holes: AtomicU64,
    /// Times a shard's subscribers were read.
    pub reloads: AtomicU64,
    /// Items that waited, as their reader had as many frames as the tier has.
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
    posts: async_lock::Semaphore,
    watermarks: Watermarks,
    entitle: Entitle,
    pace: Pace,
    stats: Arc<DeliverStats>,
}

/// What became of the frames of one connection.
enum Outcome {
    Taken,
    Gone,
    Hole(Option<PortError>),
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
            posts: async_lock::Semaphore::new(POSTS_AT_ONCE),
            watermarks: Watermarks::default(),
            pace: Pace::default(),
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
        let Some(Publication { group, shard, .. }) = run.first() else {
            return Ok(());
        };
        if let Some(index) = self.index(run, group, *shard, waits).await? {
            let standing = Standing::of(&self.ports, &self.entitle, run, &index).await?;
            let mark = self.watermarks.key(index.any_marked()).await;
            let outboxes = self.pack(run, &index, mark.as_ref(), &standing);
            stream::iter(outboxes)
                .for_each_concurrent(POSTS_AT_ONCE, |outbox| self.post(group, *shard, &index, outbox))
                .await;
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
            Some(index) if index.subscribers.version == version => index.subscribers.clone(),
            _ => {
                DeliverStats::add(&self.stats.reloads, 1);
                let members = self.ports.connections.subscribers(group, shard).await?;
                Arc::new(Subscribers::new(version, members))
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

    /// The frames for each connection, in order. What is the same for all is rendered once.
    fn pack(
        &self,
        run: &[Publication],
        index: &Index,
        mark: Option<&WatermarkKey>,
        standing: &Standing,
    ) -> Vec<Filled> {
        let Some(Publication { group, shard, .. }) = run.first() else {
            return Vec::new();
        };
        let waiting = self.pace.waiting(group, *shard);
        let mut waiting = lock(&waiting);
        let mut outboxes = Outboxes::new(index, mark, standing, self.over_rate(run, index, standing));
        if !waiting.is_empty() {
            outboxes.put_what_waited(run, &mut waiting);
        }
        // Of mode `last`: what a frame will stand for, and its newest signal.
        let mut conflated: FxHashMap<StreamId, (Span, Newest<'_>)> = FxHashMap::default();
        let mut conflated_order: Vec<StreamId> = Vec::new();
        let mut wanted = 0;
        for publication in run {
            for signal in &publication.signals {
                let targets = index.targets(signal.stream);
                if targets.is_empty() {
                    continue;
                }
                wanted += 1;
                let span = Span::one(signal.offset, signal.previous);
                let signal = Newest::of(publication, signal);
                if !targets.full.is_empty() {
                    outboxes.put(targets.full, span, signal, &mut waiting);
                }
                if targets.last.is_empty() {
                    continue;
                }
                let stream = signal.signal.stream;
                let Some((so_far, newest)) = conflated.get_mut(&stream) else {
                    conflated.insert(stream, (span, signal));
                    conflated_order.push(stream);
                    continue;
                };
                if span.offset <= so_far.offset {
                    // A segment that was published again.
                    continue;
                }
                if !so_far.absorb(span) {
                    // A hole lies between, which must stay visible.
                    outboxes.put(targets.last, *so_far, *newest, &mut waiting);
                    *so_far = span;
                }
                *newest = signal;
            }
        }
        for stream in conflated_order {
            if let Some((span, newest)) = conflated.get(&stream) {
                outboxes.put(index.targets(stream).last, *span, *newest, &mut waiting);
            }
        }
        DeliverStats::add(&self.stats.signals_wanted, wanted);
        DeliverStats::add(&self.stats.items, outboxes.items);
        DeliverStats::add(&self.stats.held, outboxes.held);
        DeliverStats::add(&self.stats.withheld, outboxes.withheld);
        let filled = outboxes.finish(&mut waiting);
        for filled in &filled {
            let member = index.subscribers.members.get(filled.member);
            // The first was counted before; those beyond it count, whatever is left.
            if let Some(member) = member.filter(|_| filled.frames.len() > 1) {
                let more = u32::try_from(filled.frames.len() - 1).unwrap_or(u32::MAX);
                self.pace.take(&member.identity, standing.now(), more);
            }
        }
        filled
    }

    /// Whether members had as many frames as their tier has; none of who wants nothing of a run.
    fn over_rate(&self, run: &[Publication], index: &Index, standing: &Standing) -> Vec<Option<bool>> {
        let members = &index.subscribers.members;
        let mut over = vec![None; members.len()];
        let mut ask = |target: &Target| {
            let place = target.member as usize;
            if let Some((member, over @ None)) = members.get(place).zip(over.get_mut(place)) {
                *over = Some(self.pace.take(&member.identity, standing.now(), 1) == 0);
            }
        };
        for signal in run.iter().flat_map(|publication| &publication.signals) {
            let targets = index.targets(signal.stream);
            targets.full.iter().chain(targets.last).for_each(&mut ask);
        }
        over
    }

    /// Posts the frames of one connection, in order and within the budget.
    async fn post(&self, group: &GroupKey, shard: u16, index: &Index, filled: Filled) {
        let Filled {
            member,
            frames,
            revoked,
        } = filled;
        let Some(subscriber) = index.subscribers.members.get(member) else {
            return;
        };
        let connection = &subscriber.connection;
        let _permit = self.posts.acquire().await;
        let posting = pin!(self.post_frames(connection, frames));
        let outcome = match select(posting, self.ports.timer.sleep(POST_BUDGET)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), _)) => Outcome::Hole(None),
        };
        match outcome {
            Outcome::Taken if revoked.is_empty() => {}
            Outcome::Taken => {
                // It was told; what is not taken out now is told again.
                DeliverStats::add(&self.stats.revoked, revoked.len());
                let connections = &self.ports.connections;
                if let Err(error) = connections.drop_streams(group, shard, connection, &revoked).await {
                    tracing::warn!(connection, %error, "failed to take out streams that were revoked");
                }
            }
            Outcome::Gone => {
                DeliverStats::add(&self.stats.gone, 1);
                let (connections, groups) = (&*self.ports.connections, &*self.ports.groups);
                let here = Some((group.clone(), shard));
                if let Err(error) = forget(connections, groups, &self.placement, connection, here).await {
                    tracing::warn!(connection, %error, "failed to forget a connection that is gone");
                }
            }
            Outcome::Hole(why) => {
                DeliverStats::add(&self.stats.holes, 1);
                tracing::debug!(connection, ?why, "a connection did not take its frames");
                if subscriber.behind.swap(true, Relaxed) {
                    return;
                }
                if let Err(error) = self.ports.connections.mark_behind(group, shard, connection).await {
                    tracing::warn!(connection, %error, "failed to mark a connection as behind");
                }
            }
        }
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

    async fn post_frames(&self, connection: &str, frames: Vec<String>) -> Outcome {
        for frame in frames {
            let bytes = frame.len();
            match self.ports.push.post(connection, Arc::from(frame)).await {
                Ok(Posted::Taken) => {
                    DeliverStats::add(&self.stats.posts, 1);
                    DeliverStats::add(&self.stats.post_bytes, bytes);
                }
                Ok(Posted::Gone) => return Outcome::Gone,
                Err(error) => return Outcome::Hole(Some(error)),
            }
        }
        Outcome::Taken
    }
}

fn read(message: &QueueMessage) -> Result<Publication, Unread> {
    Publication::from_text(&message.body).map_err(|error| match error {
        PublicationError::Binary(error @ BinaryError::Newer { .. }) => Unread::Newer(error),
        error => Unread::Poison(error),
    })
}

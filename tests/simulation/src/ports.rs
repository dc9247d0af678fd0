//! The ports of one process, over the world.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tickwire_entitlements::Grant;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::deliver_signals::DeliverPorts;
use tickwire_service::ingest_ticks::IngestPorts;
use tickwire_service::manage_subscription::SubscriptionPorts;
use tickwire_service::ports::{
    Appended, Bars, Checkpoints, Clock, ConnectionRow, Connections, Enqueue, Entropy, Grants, GroupRow,
    Groups, Log, Outgoing, Park, Parked, PortError, PortResult, Posted, Postpone, Push, Queue,
    StoredCheckpoint, StoredSegment, Subscriber, Timer,
};
use tickwire_streams::GroupKey;

use crate::fault::Fault;
use crate::planted::{Bug, Memory};
use crate::truth::Promise;
use crate::world::{Course, MILLISECOND, Outcome, SECOND, Shared, World, connection_place};

/// Manifests that a load asks for.
const MANIFESTS_OF_A_LOAD: usize = 3;
/// A load reads the log by more than this.
const READ_OF_A_LOAD_BYTES: usize = 65_536;

/// All ports of a process.
pub(crate) struct Ports {
    world: Shared,
    process: usize,
    memory: Mutex<Memory>,
}

impl Ports {
    pub(crate) fn new(world: Shared, process: usize) -> Arc<Self> {
        Arc::new(Self {
            world,
            process,
            memory: Mutex::default(),
        })
    }

    pub(crate) fn of_ingest(self: &Arc<Self>) -> IngestPorts {
        IngestPorts {
            log: self.clone(),
            groups: self.clone(),
            checkpoints: self.clone(),
            bars: self.clone(),
            enqueue: self.clone(),
            park: self.clone(),
            postpone: self.clone(),
            clock: self.clone(),
            entropy: self.clone(),
        }
    }

    pub(crate) fn of_deliver(self: &Arc<Self>) -> DeliverPorts {
        DeliverPorts {
            groups: self.clone(),
            connections: self.clone(),
            push: self.clone(),
            park: self.clone(),
            postpone: self.clone(),
            timer: self.clone(),
        }
    }

    pub(crate) fn of_subscriptions(self: &Arc<Self>) -> SubscriptionPorts {
        SubscriptionPorts {
            connections: self.clone(),
            groups: self.clone(),
            log: self.clone(),
            push: self.clone(),
            enqueue: self.clone(),
            grants: self.clone(),
            clock: self.clone(),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, bug: Bug) -> bool {
        self.world.lock().has(bug)
    }

    /// One call: it takes its time, takes effect, and may go wrong before or after.
    async fn call<T: Send>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut World) -> PortResult<T> + Send,
    ) -> PortResult<T> {
        let course = self.world.lock().course(self.process, what);
        self.run(course, what, effect).await
    }

    async fn run<T: Send>(
        &self,
        course: Course,
        what: &'static str,
        effect: impl FnOnce(&mut World) -> PortResult<T> + Send,
    ) -> PortResult<T> {
        let Course {
            before,
            outcome,
            after,
        } = course;
        if before > 0 {
            self.world.sleep(before).await;
        }
        let result = match outcome {
            Outcome::Done => effect(&mut self.world.lock()),
            Outcome::Failed(error) => return Err(error),
            Outcome::AnswerLost => {
                effect(&mut self.world.lock())?;
                Err(PortError::Unavailable {
                    what,
                    why: "the answer is lost".to_owned(),
                })
            }
            Outcome::DiesBefore => return self.die().await,
            Outcome::DiesAfter => {
                let _ = effect(&mut self.world.lock());
                return self.die().await;
            }
        };
        if after > 0 {
            self.world.sleep(after).await;
        }
        result
    }

    async fn die<T>(&self) -> PortResult<T> {
        self.world.lock().dying.push(self.process);
        std::future::pending().await
    }
}

impl Clock for Ports {
    fn now(&self) -> UnixNanos {
        let world = self.world.lock();
        UnixNanos(world.now + world.skews[self.process])
    }
}

#[async_trait]
impl Timer for Ports {
    async fn sleep(&self, duration: Duration) {
        self.world
            .sleep(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
            .await;
    }
}

impl Entropy for Ports {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        use rand::RngExt as _;
        Ok(self.world.lock().random.random())
    }
}

#[async_trait]
impl Log for Ports {
    async fn append(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> PortResult<Appended> {
        self.memory().appended.insert((group.clone(), number));
        let appended = self
            .call("append", |world| {
                let unconditional = world.has(Bug::UnconditionalAppend);
                let log = world.tables.log.entry(group.clone()).or_default();
                let head = log.len() as u64;
                if number <= head && !unconditional {
                    return Ok(Appended::Taken);
                }
                if number > head {
                    log.push(bytes.to_vec());
                }
                world.note(bytes);
                if let Err((promise, what)) = world.truth.on_commit(group, number, bytes) {
                    world.violate(promise, what);
                }
                Ok(Appended::Committed)
            })
            .await;
        match appended {
            Err(PortError::Unavailable { .. }) if self.has(Bug::TimeoutTakenForCommit) => {
                Ok(Appended::Committed)
            }
            Ok(Appended::Taken) if self.has(Bug::TakenTakenForOurs) => Ok(Appended::Committed),
            appended => appended,
        }
    }

    async fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> PortResult<Vec<StoredSegment>> {
        let stored = self
            .call("read", |world| {
                let log = world.tables.log.get(group).map_or(&[][..], Vec::as_slice);
                let first = usize::try_from(from.max(1)).unwrap_or(usize::MAX) - 1;
                let mut bytes_read = 0;
                let stored = (first + 1..)
                    .zip(log.iter().skip(first))
                    .take_while(|(_, bytes)| {
                        let is_first = bytes_read == 0;
                        bytes_read += bytes.len();
                        is_first || bytes_read <= bytes_max
                    });
                Ok(stored
                    .map(|(number, bytes)| StoredSegment {
                        number: number as u64,
                        bytes: bytes.clone(),
                    })
                    .collect())
            })
            .await?;
        let after_checkpoint = self
            .memory()
            .loaded_at
            .get(group)
            .is_some_and(|segment| segment + 1 == from);
        if after_checkpoint && bytes_max > READ_OF_A_LOAD_BYTES && self.has(Bug::CheckpointAlone) {
            return Ok(Vec::new());
        }
        Ok(stored)
    }

    async fn head(&self, group: &GroupKey) -> PortResult<u64> {
        self.call("head", |world| {
            Ok(world.tables.log.get(group).map_or(0, Vec::len) as u64)
        })
        .await
    }
}

type Versioned = BTreeMap<GroupKey, (u64, Vec<u8>)>;

fn put_versioned(rows: &mut Versioned, group: &GroupKey, version: u64, bytes: &[u8]) {
    if rows.get(group).is_none_or(|(stored, _)| version >= *stored) {
        rows.insert(group.clone(), (version, bytes.to_vec()));
    }
}

#[async_trait]
impl Groups for Ports {
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>> {
        self.call("group", |world| Ok(world.tables.groups.get(group).cloned()))
            .await
    }

    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow> {
        self.call("create_group", |world| {
            Ok(world
                .tables
                .groups
                .entry(group.clone())
                .or_insert_with(|| row.clone())
                .clone())
        })
        .await
    }

    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32> {
        self.call("begin_attempt", |world| {
            let attempts = world
                .tables
                .attempts
                .entry((group.clone(), message_id.to_owned()))
                .or_default();
            *attempts += 1;
            Ok(*attempts)
        })
        .await
    }

    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()> {
        self.call("end_attempt", |world| {
            world
                .tables
                .attempts
                .remove(&(group.clone(), message_id.to_owned()));
            Ok(())
        })
        .await
    }

    async fn groups(&self) -> PortResult<Vec<GroupKey>> {
        self.call("groups", |world| {
            Ok(world.tables.groups.keys().cloned().collect())
        })
        .await
    }

    async fn put_plan(&self, group: &GroupKey, version: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_plan", |world| {
            put_versioned(&mut world.tables.plans, group, version, bytes);
            Ok(())
        })
        .await
    }

    async fn plan(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.call("plan", |world| Ok(world.tables.plans.get(group).cloned()))
            .await
    }

    async fn put_latest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_latest", |world| {
            put_versioned(&mut world.tables.latest, group, segment, bytes);
            Ok(())
        })
        .await
    }

    async fn latest(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        if self.has(Bug::LatestCached)
            && let Some(row) = self.memory().latest.get(group)
        {
            return Ok(Some(row.clone()));
        }
        let row = self
            .call("latest", |world| Ok(world.tables.latest.get(group).cloned()))
            .await?;
        if let Some(row) = &row {
            self.memory().latest.insert(group.clone(), row.clone());
        }
        Ok(row)
    }
}

#[async_trait]
impl Checkpoints for Ports {
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()> {
        self.call("put_page", |world| {
            let before = world
                .tables
                .pages
                .insert((group.clone(), segment, page), bytes.to_vec());
            if before.is_some_and(|before| before != bytes) {
                let what = format!(
                    "{group}: page {page} of the checkpoint at {segment} was written with other content"
                );
                world.violate(Promise::SignalOfEngine, what);
            }
            Ok(())
        })
        .await
    }

    async fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> PortResult<Vec<Option<Vec<u8>>>> {
        self.call("pages", |world| {
            let page = |(segment, page): &(u64, u32)| {
                world.tables.pages.get(&(group.clone(), *segment, *page)).cloned()
            };
            Ok(pages.iter().map(page).collect())
        })
        .await
    }

    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_manifest", |world| {
            world
                .tables
                .manifests
                .insert((group.clone(), segment), bytes.to_vec());
            Ok(())
        })
        .await
    }

    async fn manifests(
        &self,
        group: &GroupKey,
        segment_max: u64,
        limit: usize,
    ) -> PortResult<Vec<StoredCheckpoint>> {
        let manifests = self
            .call("manifests", |world| {
                let stored = world
                    .tables
                    .manifests
                    .range((group.clone(), 0)..=(group.clone(), segment_max))
                    .rev();
                let newest = stored.take(limit);
                Ok(newest
                    .map(|((_, segment), manifest)| StoredCheckpoint {
                        segment: *segment,
                        manifest: manifest.clone(),
                    })
                    .collect::<Vec<_>>())
            })
            .await?;
        if let Some(newest) = manifests.first().filter(|_| limit == MANIFESTS_OF_A_LOAD) {
            self.memory().loaded_at.insert(group.clone(), newest.segment);
        }
        Ok(manifests)
    }

    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()> {
        self.call("delete", |world| {
            world.tables.manifests.remove(&(group.clone(), segment));
            for (segment, page) in pages {
                world.tables.pages.remove(&(group.clone(), *segment, *page));
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Bars for Ports {
    async fn put_block(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        first_end: UnixNanos,
        block: u64,
        bytes: &[u8],
    ) -> PortResult<()> {
        self.call("put_block", |world| {
            let blocks = world.tables.bars.entry((group.clone(), timeframe)).or_default();
            let same = blocks.entry((first_end, block)).or_insert_with(|| bytes.to_vec()) == bytes;
            if !same {
                let what = format!("{group}: block {block} of {timeframe} was written with other bars");
                world.violate(Promise::SignalOfEngine, what);
            }
            Ok(())
        })
        .await
    }

    async fn blocks(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
        newest_first: bool,
        limit: usize,
    ) -> PortResult<Vec<Vec<u8>>> {
        self.call("blocks", |world| {
            let blocks = world
                .tables
                .bars
                .get(&(group.clone(), timeframe))
                .into_iter()
                .flatten();
            let wanted = blocks.filter(|((end, _), _)| from <= *end && *end < to);
            let mut wanted: Vec<Vec<u8>> = wanted.map(|(_, bytes)| bytes.clone()).collect();
            if newest_first {
                wanted.reverse();
            }
            wanted.truncate(limit);
            Ok(wanted)
        })
        .await
    }
}

#[async_trait]
impl Enqueue for Ports {
    async fn send(&self, queue: Queue, message: Outgoing) -> PortResult<()> {
        if queue == Queue::Signals && self.has(Bug::TailNotRepublished) && !self.memory().committed(&message)
        {
            return Ok(());
        }
        let sent = self
            .call("send", |world| {
                world.enqueue(queue, message);
                Ok(())
            })
            .await;
        if queue == Queue::Signals && self.has(Bug::PublicationNotAwaited) {
            return Ok(());
        }
        sent
    }
}

#[async_trait]
impl Park for Ports {
    async fn park(&self, parked: Parked) -> PortResult<()> {
        self.call("park", |world| {
            world.parked += 1;
            if let (Queue::Ticks, Ok(message)) = (parked.queue, parked.message_id.parse()) {
                world.truth.on_parked(&parked.group, message);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Postpone for Ports {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> PortResult<()> {
        let delay = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
        self.call("postpone", |world| {
            let now = world.now;
            if let Some(at) = world.queue(queue).postpone(now, receipt, delay) {
                world.dispatch_at(queue, at);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Connections for Ports {
    async fn open(&self, row: &ConnectionRow) -> PortResult<()> {
        self.call("open", |world| {
            world
                .tables
                .connections
                .insert(row.connection.clone(), row.clone());
            Ok(())
        })
        .await
    }

    async fn connection(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        self.call("connection", |world| {
            Ok(world.tables.connections.get(connection).cloned())
        })
        .await
    }

    async fn update(&self, row: &ConnectionRow, was: u64) -> PortResult<bool> {
        self.call("update", |world| {
            let stored = world.tables.connections.get_mut(&row.connection);
            let Some(stored) = stored.filter(|stored| stored.request_id == was && was < row.request_id)
            else {
                return Ok(false);
            };
            *stored = row.clone();
            Ok(true)
        })
        .await
    }

    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()> {
        self.call("close", |world| {
            world.tables.connections.remove(connection);
            for shard in shards {
                let gone = world
                    .tables
                    .subscribers
                    .get_mut(shard)
                    .and_then(|rows| rows.remove(connection));
                if gone.is_some() {
                    *world.tables.versions.entry(shard.clone()).or_default() += 1;
                }
            }
            Ok(())
        })
        .await
    }

    async fn count(&self, user: &str) -> PortResult<usize> {
        self.call("count", |world| {
            Ok(world
                .tables
                .connections
                .values()
                .filter(|row| row.user == user)
                .count())
        })
        .await
    }

    async fn put_subscriber(&self, group: &GroupKey, shard: u16, subscriber: &Subscriber) -> PortResult<()> {
        let place = (group.clone(), shard);
        self.call("put_subscriber", |world| {
            let rows = world.tables.subscribers.entry(place.clone()).or_default();
            if subscriber.subscriptions.is_empty() {
                rows.remove(&subscriber.connection);
            } else {
                rows.insert(subscriber.connection.clone(), subscriber.clone());
            }
            Ok(())
        })
        .await?;
        // A write and the version behind it are two effects.
        self.call("raise_version", |world| {
            *world.tables.versions.entry(place).or_default() += 1;
            Ok(())
        })
        .await
    }

    async fn mark_behind(&self, group: &GroupKey, shard: u16, connection: &str) -> PortResult<()> {
        self.call("mark_behind", |world| {
            let rows = world.tables.subscribers.get_mut(&(group.clone(), shard));
            if let Some(row) = rows.and_then(|rows| rows.get_mut(connection)) {
                row.behind = true;
            }
            Ok(())
        })
        .await
    }

    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<u64> {
        let place = (group.clone(), shard);
        if self.has(Bug::CachedSubscribers)
            && let Some(version) = self.memory().versions.get(&place)
        {
            return Ok(*version);
        }
        let version = self
            .call("shard_version", |world| {
                world.looked_at[self.process] = world.now;
                Ok(world.tables.versions.get(&place).copied().unwrap_or(0))
            })
            .await?;
        self.memory().versions.insert(place, version);
        Ok(version)
    }

    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>> {
        self.call("subscribers", |world| {
            let rows = world.tables.subscribers.get(&(group.clone(), shard));
            Ok(rows.map_or_else(Vec::new, |rows| rows.values().cloned().collect()))
        })
        .await
    }
}

#[async_trait]
impl Push for Ports {
    async fn post(&self, connection: &str, frame: Arc<str>) -> PortResult<Posted> {
        let frame = match self.has(Bug::PrevFromSends) {
            true => self.memory().rewrite_prev(connection, &frame),
            false => frame,
        };
        let course = {
            let mut world = self.world.lock();
            if world.dice.acts(Fault::TooMany) {
                return Err(PortError::Throttled { what: "post" });
            }
            let mut course = world.course(self.process, "post");
            if world.dice.acts(Fault::SlowPost) {
                course.before += world.dice.range(Fault::SlowPost, 100 * MILLISECOND, 4 * SECOND);
            }
            course
        };
        self.run(course, "post", |world| {
            Ok(world.post(self.process, connection, frame))
        })
        .await
    }

    async fn disconnect(&self, connection: &str) -> PortResult<()> {
        self.call("disconnect", |world| {
            if let Some(connection) =
                connection_place(connection).and_then(|place| world.connections.get_mut(place))
            {
                connection.open = false;
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Grants for Ports {
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>> {
        if self.has(Bug::GrantsCached)
            && let Some(grants) = self.memory().grants.get(user)
        {
            return Ok(grants.clone());
        }
        let grants: Vec<Grant> = self
            .call("grants", |world| {
                Ok(world
                    .tables
                    .grants
                    .iter()
                    .filter(|grant| grant.user == user)
                    .cloned()
                    .collect())
            })
            .await?;
        self.memory().grants.insert(user.to_owned(), grants.clone());
        Ok(grants)
    }
}

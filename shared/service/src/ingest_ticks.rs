//! Ingest: folds the messages of a group and commits them to its log.
//!
//! One conditional append a segment is the only commit. A segment is published
//! before the next one is committed, so at most the last may be unpublished
//! when a consumer dies, and whoever loads the group publishes that one again.

mod stats;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rustc_hash::FxHashMap;
use tickwire_market::UnixNanos;
use tickwire_signals::{Event, PlanChange, ReferenceChange};
use tickwire_streams::GroupKey;
use tickwire_wire::{BinaryError, Inbound, encode, parse_inbound};

use crate::group::{Draft, GroupState, Origin, TakeCounts};
use crate::load_group::{LoadError, Loaded};
use crate::ports::{
    Appended, Bars, Checkpoints, Clock, Enqueue, Entropy, Groups, Log, Park, Parked, PortError, Postpone,
    Queue,
};
use crate::queue_message::QueueMessage;
use crate::settle::SettleError;
use crate::{history, load_group, settle};

pub use stats::IngestStats;

/// Receive count from which a message is folded alone.
pub const RECEIVES_ALONE: u32 = 3;
/// Times a message may kill the process while it is folded alone.
pub const ATTEMPTS_MAX: u32 = 4;
/// Suspicious messages remembered by a process.
const SURVIVED_MAX: usize = 1_024;
/// Shortest and longest back-off of a failed message.
pub const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// Times a batch is folded again because another consumer was faster.
const CONFLICTS_MAX: u32 = 4;
/// Warm state that has not been used for so long is loaded anew.
const WARM_NANOS_MAX: i64 = 600 * UnixNanos::PER_SECOND;
/// Warm state that has not committed for so long looks at the log first.
const TRUSTED_NANOS: i64 = UnixNanos::PER_SECOND;

/// What ingest needs from the world.
#[derive(Clone)]
pub struct IngestPorts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Rows of groups.
    pub groups: Arc<dyn Groups>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// Stored bars.
    pub bars: Arc<dyn Bars>,
    /// Publications go here.
    pub enqueue: Arc<dyn Enqueue>,
    /// Poison goes here.
    pub park: Arc<dyn Park>,
    /// Back-off.
    pub postpone: Arc<dyn Postpone>,
    /// For the time of commit; no value depends on it.
    pub clock: Arc<dyn Clock>,
    /// For the epoch of a new log.
    pub entropy: Arc<dyn Entropy>,
}

impl IngestPorts {
    /// On one store and one queue.
    pub fn on<S, Q>(store: &Arc<S>, queue: &Arc<Q>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self
    where
        S: Log + Groups + Checkpoints + Bars + 'static,
        Q: Enqueue + Park + Postpone + 'static,
    {
        Self {
            log: store.clone(),
            groups: store.clone(),
            checkpoints: store.clone(),
            bars: store.clone(),
            enqueue: queue.clone(),
            park: queue.clone(),
            postpone: queue.clone(),
            clock,
            entropy,
        }
    }
}

/// Why a group could not go on just now. The messages come back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error("failed to encode: {0}")]
    Encode(#[from] BinaryError),
    #[error("another consumer committed segment {0} first")]
    Conflict(u64),
    #[error("folding panicked")]
    Panic,
}

/// Place of a message in its batch, code and words of what is wrong with it.
type Poison = (usize, &'static str, String);

type Slot = Arc<tokio::sync::Mutex<Option<Loaded>>>;

/// The use case.
pub struct Ingest {
    ports: IngestPorts,
    slots: Mutex<FxHashMap<GroupKey, Slot>>,
    survived: Mutex<FxHashMap<String, u32>>,
    stats: Arc<IngestStats>,
}

impl Ingest {
    /// With everything cold.
    pub fn new(ports: IngestPorts) -> Self {
        Self {
            ports,
            slots: Mutex::default(),
            survived: Mutex::default(),
            stats: Arc::default(),
        }
    }

    /// Counts of this process.
    pub fn stats(&self) -> Arc<IngestStats> {
        self.stats.clone()
    }

    /// Works on a batch; returns the ids of the messages that are to come back,
    /// which are the failed ones and all that follow them in their group.
    pub async fn ingest(&self, messages: Vec<QueueMessage>) -> Vec<String> {
        let mut groups: Vec<(String, Vec<QueueMessage>)> = Vec::new();
        for message in messages {
            match groups.iter_mut().find(|(name, _)| *name == message.group) {
                Some((_, members)) => members.push(message),
                None => groups.push((message.group.clone(), vec![message])),
            }
        }
        let failed = join_all(
            groups
                .into_iter()
                .map(|(name, messages)| self.ingest_group(name, messages)),
        )
        .await;
        failed.into_iter().flatten().collect()
    }

    /// Publishes what the last consumer of a group may have left unpublished,
    /// and brings its latest row up to date. False if there was nothing to do.
    ///
    /// # Errors
    /// When the group cannot be loaded or settled just now.
    pub async fn reconcile(&self, group: &GroupKey) -> Result<bool, PortError> {
        let slot = self.slot(group);
        let mut guard = slot.lock().await;
        let unavailable = |stop: Stop| match stop {
            Stop::Port(error) => error,
            stop => PortError::Unavailable {
                what: "reconcile",
                why: stop.to_string(),
            },
        };
        let mut loaded = self.ready(group, guard.take(), &[]).await.map_err(unavailable)?;
        loaded.latest_written.0 = UnixNanos(0);
        self.after(group, &mut loaded).await;
        let acted = loaded.state.segment > 0;
        *guard = Some(loaded);
        Ok(acted)
    }

    fn slot(&self, group: &GroupKey) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(group.clone()).or_default().clone()
    }

    async fn ingest_group(&self, name: String, messages: Vec<QueueMessage>) -> Vec<String> {
        let Ok(group) = name.parse::<GroupKey>() else {
            return self
                .park_all(
                    &messages,
                    "group_malformed",
                    "the message group is not universe/NAME",
                )
                .await;
        };
        let slot = self.slot(&group);
        let mut guard = slot.lock().await;
        let mut done = 0;
        while done < messages.len() {
            // A message that may have killed the process before is folded alone.
            let alone = messages[done].receive_count >= RECEIVES_ALONE;
            let rest = &messages[done..];
            let len = if alone {
                1
            } else {
                rest.iter()
                    .take_while(|message| message.receive_count < RECEIVES_ALONE)
                    .count()
            };
            let outcome = if alone {
                self.fold_alone(&group, &mut guard, &rest[0]).await
            } else {
                self.fold_batch(&group, &mut guard, &rest[..len]).await
            };
            if let Err((taken, stop)) = outcome {
                done += taken;
                tracing::warn!(%group, messages = messages.len() - done, error = %stop, "messages put back");
                return self.put_back(&messages[done..]).await;
            }
            done += len;
        }
        Vec::new()
    }

    /// Puts messages back with a back-off that grows with their receive count.
    async fn put_back(&self, messages: &[QueueMessage]) -> Vec<String> {
        self.stats
            .failed
            .fetch_add(messages.len() as u64, Ordering::Relaxed);
        for message in messages {
            let delay = BACK_OFF
                .0
                .saturating_mul(message.receive_count.clamp(1, 8))
                .min(BACK_OFF.1);
            // Without it the message waits for its visibility to run out: later, but not lost.
            if let Err(error) = self
                .ports
                .postpone
                .postpone(Queue::Ticks, &message.receipt, delay)
                .await
            {
                tracing::debug!(%error, "failed to shorten the back-off");
            }
        }
        messages.iter().map(|message| message.id.clone()).collect()
    }

    async fn fold_alone(
        &self,
        group: &GroupKey,
        loaded: &mut Option<Loaded>,
        message: &QueueMessage,
    ) -> Result<(), (usize, Stop)> {
        let whole = |stop: Stop| (0, stop);
        // Loading comes first: a process that dies while it loads was not killed by the message.
        let ready = self
            .ready(group, loaded.take(), std::slice::from_ref(message))
            .await;
        *loaded = Some(ready.map_err(whole)?);
        // Attempts that this process lived through killed nobody, also when an outage
        // keeps their end from being noted.
        let survived = self.survived(&message.id, true);
        let attempts = self
            .ports
            .groups
            .begin_attempt(group, &message.id)
            .await
            .map_err(|e| whole(Stop::Port(e)))?;
        let outcome = if attempts.saturating_sub(survived) > ATTEMPTS_MAX {
            self.park(
                message,
                "kills_the_consumer",
                "the process died each time while it was folded alone",
            )
            .await
            .map_err(|e| whole(Stop::Port(e)))
        } else {
            match self
                .fold_batch(group, loaded, std::slice::from_ref(message))
                .await
            {
                Err((_, Stop::Panic)) => self
                    .park(message, "panic", "folding it panicked")
                    .await
                    .map_err(|e| whole(Stop::Port(e))),
                outcome => outcome,
            }
        };
        self.ports
            .groups
            .end_attempt(group, &message.id)
            .await
            .map_err(|e| whole(Stop::Port(e)))?;
        self.survived(&message.id, false);
        outcome
    }

    /// Attempts at a message before this one that this process lived through and
    /// whose end is not known to be noted; `begins` counts one more, else they are over.
    fn survived(&self, message_id: &str, begins: bool) -> u32 {
        let mut survived = self.survived.lock().unwrap_or_else(PoisonError::into_inner);
        if !begins {
            return survived.remove(message_id).unwrap_or(0);
        }
        if survived.len() >= SURVIVED_MAX {
            survived.clear();
        }
        let count = survived.entry(message_id.to_owned()).or_insert(0);
        *count += 1;
        *count - 1
    }

    /// Folds and commits, and folds again on top of what another consumer
    /// committed first. On a stop, says how many messages are done with; what
    /// was folded beyond the log is forgotten.
    async fn fold_batch(
        &self,
        group: &GroupKey,
        slot: &mut Option<Loaded>,
        messages: &[QueueMessage],
    ) -> Result<(), (usize, Stop)> {
        let mut tries = 0;
        let poison = loop {
            tries += 1;
            // Whatever stops the work leaves a state that may be ahead of the log; it is put
            // back only when all went well.
            match self.fold_once(group, slot.take(), messages).await {
                Ok((loaded, poison)) => {
                    *slot = Some(loaded);
                    break poison;
                }
                Err(Stop::Conflict(_)) if tries < CONFLICTS_MAX => {}
                Err(stop) => return Err((0, stop)),
            }
        };
        // Behind the commit, so that a batch that comes back is not parked twice.
        for (place, reason, detail) in poison {
            self.park(&messages[place], reason, &detail)
                .await
                .map_err(|e| (place, e.into()))?;
        }
        Ok(())
    }

    async fn fold_once(
        &self,
        group: &GroupKey,
        warm: Option<Loaded>,
        messages: &[QueueMessage],
    ) -> Result<(Loaded, Vec<Poison>), Stop> {
        let mut loaded = self.ready(group, warm, messages).await?;
        let mut poison = Vec::new();
        let mut counts = TakeCounts::default();
        let mut draft = loaded.state.draft();
        for (place, message) in messages.iter().enumerate() {
            match parse_inbound(&message.body) {
                Ok(inbound) if inbound.group == *group => {
                    draft = self
                        .fold_message(group, &mut loaded, draft, inbound, &mut counts)
                        .await?;
                }
                Ok(inbound) => {
                    let why = format!("it is for group {} but came in {group}", inbound.group);
                    poison.push((place, "group_mismatch", why));
                }
                Err(error) => poison.push((place, error.code(), error.to_string())),
            }
        }
        self.commit(group, &mut loaded, draft, &mut counts).await?;
        self.after(group, &mut loaded).await;
        Ok((loaded, poison))
    }

    /// The group's state, at the head of its log, with its last segment published.
    async fn ready(
        &self,
        group: &GroupKey,
        warm: Option<Loaded>,
        messages: &[QueueMessage],
    ) -> Result<Loaded, Stop> {
        let now = self.ports.clock.now();
        let fresh = warm.filter(|loaded| now.0.saturating_sub(loaded.used_at.0) < WARM_NANOS_MAX);
        let mut loaded = match fresh {
            Some(mut loaded) => {
                let quiet = now.0.saturating_sub(loaded.committed_at.0) > TRUSTED_NANOS;
                if quiet
                    || !messages
                        .first()
                        .is_some_and(|message| follows(&loaded.state, message))
                {
                    load_group::catch_up(&self.ports, group, &mut loaded).await?;
                }
                loaded
            }
            None => {
                self.stats.loads.fetch_add(1, Ordering::Relaxed);
                load_group::load(&self.ports, group).await?
            }
        };
        loaded.used_at = now;
        settle::settle_pending(&self.ports, group, &mut loaded).await?;
        Ok(loaded)
    }

    async fn fold_message(
        &self,
        group: &GroupKey,
        loaded: &mut Loaded,
        mut draft: Draft,
        inbound: Inbound,
        counts: &mut TakeCounts,
    ) -> Result<Draft, Stop> {
        let Inbound {
            source,
            epoch,
            seq,
            sent,
            events,
            ..
        } = inbound;
        let now = self.ports.clock.now();
        let mut without = history::Without::default();
        for (place, mut event) in (0u64..).zip(events) {
            if let Ok(event) = &mut event
                && needs_history(event, &loaded.state)
            {
                // Bars closed in this draft are stored only when it is settled.
                if draft.has_closed_bars() {
                    self.commit(group, loaded, draft, counts).await?;
                    draft = loaded.state.draft();
                }
                let engine = &loaded.state.engine;
                history::fill(&*self.ports.bars, group, engine, sent, event, &mut without).await?;
            }
            let origin = Origin {
                source: &source,
                epoch,
                seq: seq + place,
                sent,
                now,
            };
            let folded = catch_unwind(AssertUnwindSafe(|| {
                #[cfg(feature = "testing")]
                crate::testing::panic_if_told(&source);
                loaded.state.take(&mut draft, &origin, event, counts);
            }));
            if folded.is_err() {
                return Err(Stop::Panic);
            }
            if draft.is_full() {
                self.commit(group, loaded, draft, counts).await?;
                draft = loaded.state.draft();
            }
        }
        Ok(draft)
    }

    async fn commit(
        &self,
        group: &GroupKey,
        loaded: &mut Loaded,
        draft: Draft,
        counts: &mut TakeCounts,
    ) -> Result<(), Stop> {
        if draft.is_empty() {
            self.stats.add(std::mem::take(counts));
            return Ok(());
        }
        let now = self.ports.clock.now();
        let (segment, settlement) = loaded.state.close(draft, now);
        let number = settlement.segment;
        let bytes = encode(&segment)?;
        match self.ports.log.append(group, number, &bytes).await {
            Ok(Appended::Committed) => {}
            // Taken, or no answer: it may be our own append whose answer was lost.
            Ok(Appended::Taken) if self.is_ours(group, number, &bytes).await? => {}
            Ok(Appended::Taken) => {
                self.stats.conflicts.fetch_add(1, Ordering::Relaxed);
                return Err(Stop::Conflict(number));
            }
            Err(error) if error.is_transient() => {
                if !self.is_ours(group, number, &bytes).await? {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        self.stats.add(std::mem::take(counts));
        self.stats.committed(bytes.len(), &settlement.signals);
        loaded.committed_at = now;
        loaded.log_bytes += bytes.len() as u64;
        loaded.log_events += segment.events_len() as u64;
        loaded.pending = Some(settlement);
        settle::settle_pending(&self.ports, group, loaded).await?;
        Ok(())
    }

    async fn is_ours(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> Result<bool, PortError> {
        let stored = self.ports.log.read(group, number, 1).await?;
        Ok(stored
            .first()
            .is_some_and(|segment| segment.number == number && segment.bytes == bytes))
    }

    /// What may wait until the batch is committed and published; its failure fails nothing.
    async fn after(&self, group: &GroupKey, loaded: &mut Loaded) {
        if let Err(error) = settle::write_latest(&self.ports, group, loaded).await {
            tracing::warn!(%group, %error, "failed to write the latest row");
        }
        match crate::checkpoint::write_when_due(&self.ports, group, loaded).await {
            Ok(true) => {
                self.stats.checkpoints.fetch_add(1, Ordering::Relaxed);
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%group, %error, "failed to write a checkpoint"),
        }
    }

    async fn park(&self, message: &QueueMessage, reason: &str, detail: &str) -> Result<(), PortError> {
        tracing::warn!(message_id = %message.id, group = %message.group, reason, "message parked");
        self.stats.parked.fetch_add(1, Ordering::Relaxed);
        let parked = Parked {
            queue: Queue::Ticks,
            group: message.group.clone(),
            message_id: message.id.clone(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
            body: message.body.clone(),
        };
        self.ports.park.park(parked).await
    }

    async fn park_all(&self, messages: &[QueueMessage], reason: &str, detail: &str) -> Vec<String> {
        for (done, message) in messages.iter().enumerate() {
            if self.park(message, reason, detail).await.is_err() {
                return self.put_back(&messages[done..]).await;
            }
        }
        Vec::new()
    }
}

/// Whether the message's first event is the one that is expected next of its
/// source: then nobody else has folded the group meanwhile. A wrong guess is
/// caught by the condition of the append.
fn follows(state: &GroupState, message: &QueueMessage) -> bool {
    tickwire_wire::peek_origin(&message.body)
        .is_some_and(|(source, epoch, seq)| state.follows(&source, epoch, seq))
}

fn needs_history(event: &Event, state: &GroupState) -> bool {
    match event {
        Event::Plan(PlanChange::Add { stream, .. }) => {
            &*stream.stream.expression != "price" && state.engine.stream_id(stream).is_none()
        }
        Event::Reference(ReferenceChange::Split { instrument, at, .. }) => !state
            .engine
            .splits(instrument)
            .iter()
            .any(|(known, _)| known == at),
        _ => false,
    }
}

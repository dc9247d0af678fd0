//! Jobs of the schedule: the clock, reconciliation of quiet groups, compaction of bars, expiry of the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tickwire_market::UnixNanos;
use tickwire_signals::LATENESS_NANOS;
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{LatestRow, PlanRow, Sender, clock_message, decode, plan_message};

use crate::compact_bars::{self, Compacted};
use crate::contract_end::{has_ended, rolls, successor};
use crate::expire_log::{expire, log_kept};
use crate::ingest_ticks::{Ingest, IngestPorts};
use crate::load_group::LoadError;
use crate::plans::{Plan, unreadable};
use crate::ports::{Bars, Checkpoints, Clock, Enqueue, Groups, Log, Outgoing, PortError, Queue};

/// A group without events for so long gets no clock: its bars are closed.
const CLOCK_AFTER_QUIET_NANOS: i64 = 2 * 86_400 * UnixNanos::PER_SECOND;

/// How often a group is looked through for contracts that came to their end, or near it.
const SWEEP_EVERY_NANOS: i64 = 6 * 3_600 * UnixNanos::PER_SECOND;
/// Streams that one message ends; the others follow with the next sweep.
const ENDED_PER_MESSAGE_MAX: usize = 2_000;
/// Streams that one message adds: each is seeded from stored bars while it is folded.
const ROLLED_PER_MESSAGE_MAX: usize = 100;

/// What the jobs need from the world.
#[derive(Clone)]
pub struct JobPorts {
    /// Groups and their latest rows.
    pub groups: Arc<dyn Groups>,
    /// The log: its head, and its oldest segments.
    pub log: Arc<dyn Log>,
    /// What makes segments of the log unneeded.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// Stored bars.
    pub bars: Arc<dyn Bars>,
    /// Clock events go here.
    pub enqueue: Arc<dyn Enqueue>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl From<&IngestPorts> for JobPorts {
    fn from(ports: &IngestPorts) -> Self {
        Self {
            groups: ports.groups.clone(),
            log: ports.log.clone(),
            checkpoints: ports.checkpoints.clone(),
            bars: ports.bars.clone(),
            enqueue: ports.enqueue.clone(),
            clock: ports.clock.clone(),
        }
    }
}

/// A job, as the schedule's event names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Sends each active group the time, so that bars close without ticks.
    Clock,
    /// Publishes what a consumer that died left unpublished in groups without traffic.
    Reconcile,
    /// Puts the bars of days that are over into a page an instrument.
    Compact,
    /// Deletes what the log need not hold any more.
    Expire,
}

/// What a job did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobReport {
    /// Groups looked at.
    pub groups: u32,
    /// Groups acted on.
    pub acted: u32,
    /// Groups on which it failed; they come again with the next run.
    pub failed: u32,
}

/// The use case.
pub struct Jobs {
    ports: JobPorts,
    ingest: Arc<Ingest>,
    log_kept: Duration,
    /// When each group was last looked through for contracts that came to their end.
    swept: Mutex<BTreeMap<GroupKey, UnixNanos>>,
}

impl Jobs {
    /// The jobs; `ingest` carries out what a dead consumer left.
    pub fn new(ports: JobPorts, ingest: Arc<Ingest>) -> Self {
        Self {
            ports,
            ingest,
            log_kept,
            swept: Mutex::default(),
        }
    }

    /// The same where the log is kept for so long. Much more than a consumer's state may be
    /// old is needed: by numbers that are free again it would commit on top of what has gone.
    pub fn keeping_log(self, kept: Duration) -> Self {
        Self {
            log_kept: kept,
            ..self
        }
    }

    /// Runs a job over all groups. One group's failure does not stop the others.
    ///
    /// # Errors
    /// When the groups cannot be listed.
    pub async fn run(&self, job: Job) -> Result<JobReport, PortError> {
        let mut report = JobReport::default();
        let groups = match job {
            Job::Expire => self.ports.groups.groups_with_log().await?,
            Job::Clock | Job::Reconcile | Job::Compact => self.ports.groups.groups().await?,
        };
        for group in groups {
            report.groups += 1;
            let outcome = match job {
                Job::Clock => self.clock(&group).await.map_err(LoadError::from),
                Job::Reconcile => self.reconcile(&group).await.map_err(LoadError::from),
                Job::Compact => self.compact(&group).await.map_err(LoadError::from),
                Job::Expire => self.expire(&group).await,
            };
            match outcome {
                Ok(acted) => report.acted += u32::from(acted),
                Err(error) => {
                    report.failed += 1;
                    tracing::warn!(%group, ?job, %error, "job failed for this group");
                }
            }
        }
        Ok(report)
    }

    async fn clock(&self, group: &GroupKey) -> Result<bool, PortError> {
        let now = self.ports.clock.now();
        // A replay or a simulation lives at the time of its data; its sender sends it the time.
        if !keeps_our_time(group.universe()) {
            return Ok(false);
        }
        let active = match self.latest(group).await? {
            Some(row) => now.0.saturating_sub(row.written_at.0) < CLOCK_AFTER_QUIET_NANOS,
            None => true,
        };
        if !active {
            return Ok(false);
        }
        let sender = Sender {
            group,
            source: "clock",
            epoch: now.0.unsigned_abs(),
            seq: 0,
            sent: now,
        };
        let message = Outgoing {
            group: group.to_string(),
            deduplication: format!("clock:{group}:{}", now.0),
            body: clock_message(&sender, now.saturating_add(-LATENESS_NANOS)),
        };
        self.ports.enqueue.send(Queue::Ticks, message).await?;
        self.sweep(group, now).await?;
        Ok(true)
    }

    /// Looks a few times a day through a group for contracts that came to their end, or near it.
    async fn sweep(&self, group: &GroupKey, now: UnixNanos) -> Result<(), PortError> {
        let swept = || self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |last: &UnixNanos| now.nanos_since(*last) >= SWEEP_EVERY_NANOS;
        if group.is_basket() || !swept().get(group).is_none_or(is_due) {
            return Ok(());
        }
        // What failed is tried again with the next clock, and a group that has no plan yet.
        if self.end_contracts(group, now).await? {
            swept().insert(group.clone(), now);
        }
        Ok(())
    }

    /// Ends what is computed of contracts that have expired, and plans ahead of that what is
    /// computed of a future on the next one. What was done before is not in the plan any longer, or
    /// is there already: to find it once more changes nothing. False if there is no plan.
    async fn end_contracts(&self, group: &GroupKey, now: UnixNanos) -> Result<bool, PortError> {
        let Some((version, bytes)) = self.ports.groups.plan(group).await? else {
            return Ok(false);
        };
        let row: PlanRow = decode(&bytes).map_err(|error| unreadable("plan", &error))?;
        let plan = Plan::new(version, row);
        let streams = plan.streams().filter_map(|(_, key)| key.parse().ok());
        let streams: Vec<StreamKey> = streams.collect();
        let universe = group.universe();
        let mut next = Vec::new();
        let mut without = 0;
        for stream in streams.iter().filter(|stream| rolls(universe, stream, now)) {
            match successor(stream, plan.instruments(), now) {
                Some(successor) if plan.id(&successor.to_string()).is_none() => next.push(successor),
                Some(_) => {}
                None => without += 1,
            }
        }
        if without > 0 {
            tracing::warn!(%group, "{without} streams end with their futures: no next one is listed, or they are spreads");
        }
        if !next.is_empty() {
            tracing::info!(%group, "futures near their end: {} streams go on on the next one", next.len());
        }
        let ended = streams.iter().filter(|stream| has_ended(universe, stream, now));
        let ended: Vec<StreamKey> = ended.take(ENDED_PER_MESSAGE_MAX).cloned().collect();
        if !ended.is_empty() {
            tracing::info!(%group, "contracts expired: {} streams of them end", ended.len());
        }
        // Ends first: what they held is free for what goes on.
        let ends = (!ended.is_empty()).then_some((&[][..], &ended[..]));
        let goes_on = next.chunks(ROLLED_PER_MESSAGE_MAX).map(|add| (add, &[][..]));
        let plans = ends.into_iter().chain(goes_on);
        let mut seq = 1;
        for (add, remove) in plans {
            let sender = Sender {
                group,
                source: "clock",
                epoch: now.0.unsigned_abs(),
                seq,
                sent: now,
            };
            let message = Outgoing {
                group: group.to_string(),
                deduplication: format!("expiry:{group}:{}:{seq}", now.0),
                body: plan_message(&sender, add, remove),
            };
            seq += (add.len() + remove.len()) as u64;
            self.ports.enqueue.send(Queue::Ticks, message).await?;
        }
        Ok(true)
    }

    async fn compact(&self, group: &GroupKey) -> Result<bool, PortError> {
        let now = keeps_our_time(group.universe()).then(|| self.ports.clock.now());
        let compacted = compact_bars::compact(&*self.ports.bars, group, now).await?;
        if compacted.blocks > 0 {
            let Compacted { blocks, pages } = compacted;
            tracing::info!(%group, "{blocks} blocks of bars compacted into {pages} pages");
        }
        Ok(compacted.blocks > 0)
    }

    async fn expire(&self, group: &GroupKey) -> Result<bool, LoadError> {
        let kept = i64::try_from(self.log_kept.as_nanos()).unwrap_or(i64::MAX);
        let before = self.ports.clock.now().saturating_add(-kept);
        let expired = expire(&*self.ports.log, &*self.ports.checkpoints, group, before).await?;
        if expired > 0 {
            tracing::info!(%group, "{expired} segments of the log expired");
        }
        Ok(expired > 0)
    }

    async fn reconcile(&self, group: &GroupKey) -> Result<bool, PortError> {
        let head = self.ports.log.head(group).await?;
        // The latest row is written behind the publication: up to there all is published.
        if self.latest(group).await?.is_some_and(|row| row.segment >= head) {
            return Ok(false);
        }
        self.ingest.reconcile(group).await
    }

    async fn latest(&self, group: &GroupKey) -> Result<Option<LatestRow>, PortError> {
        let stored = self.ports.groups.latest(group).await?;
        Ok(stored.and_then(|(_, bytes)| decode(&bytes).ok()))
    }
}

fn keeps_our_time(universe: &Universe) -> bool {
    *universe == Universe::live()
}

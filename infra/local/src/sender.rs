//! The sender: numbers ticks, gathers them by group, and hands them to the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};
use tickwire_market::{Calendar, InstrumentKey, Product, Tick, UnixNanos};
use tickwire_service::placement::Placement;
use tickwire_service::ports::{Outgoing, PortError};
use tickwire_signals::{ChainTerms, LATENESS_NANOS, ReferenceChange};
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire as wire;
use tokio::time::Instant;

use crate::signal_list::SignalList;

/// Ticks in one message; at some 100 bytes each it stays far below 1 MiB.
pub const TICKS_PER_MESSAGE_MAX: usize = 2_000;
/// First and longest wait before a message that was not taken is sent again.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));
/// Bytes of a deduplication id, the queue's bound.
const DEDUPLICATION_BYTES_MAX: usize = 128;
/// Tries before the sender gives up.
const TRIES_MAX: u32 = 40;

/// The runtime's timer rings up to so much late; a flush is due by so much earlier,
/// so that no tick waits longer than was asked for.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

/// Where messages go: the queue in this process, or that of a running stack.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Returns when the message is durable. The same message may be sent again.
    async fn send(&self, message: Outgoing) -> Result<(), PortError>;
}

/// Who sends, and how.
#[derive(Clone, Debug)]
pub struct SenderOptions {
    /// The world the ticks are of.
    pub universe: Universe,
    /// How instruments are spread over groups.
    pub placement: Placement,
    /// Name of the source.
    pub source: String,
    /// Its epoch.
    pub epoch: u64,
    /// How long a tick waits for others of its group.
    pub flush: Duration,
    /// Streams to ask for when an instrument is seen first.
    pub signals: SignalList,
    /// How options are valued: told of every instrument that options may be of.
    pub chains: Option<ChainTerms>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sent {
    /// Ticks handed over.
    pub ticks: u64,
    /// Ticks whose message was acknowledged.
    pub acknowledged: u64,
    /// Messages acknowledged, of all kinds.
    pub messages: u64,
    /// Messages that had to be sent again.
    pub again: u64,
}

struct Lane {
    /// Sequence number of the first waiting tick.
    seq: u64,
    waiting: Vec<Tick>,
    /// Place in the feed of the first waiting tick.
    from: u64,
    since: Instant,
}

impl Lane {
    fn new() -> Self {
        Self {
            seq: 0,
            waiting: Vec::new(),
            from: 0,
            since: Instant::now(),
        }
    }
}

/// Numbers and sends the ticks of one source. Within a group messages go one
/// after the other, so that their order is that of the ticks.
pub struct Sender {
    options: SenderOptions,
    outlet: Arc<dyn Outlet>,
    lanes: BTreeMap<GroupKey, Lane>,
    groups: FxHashMap<InstrumentKey, GroupKey>,
    introduced: FxHashSet<InstrumentKey>,
    /// Symbols of which there are options, and what they may be of that was not told yet.
    optioned: FxHashSet<Box<str>>,
    untold: Vec<InstrumentKey>,
    sent: Sent,
    skipped: u64,
    control_seq: u64,
}

impl Sender {
    /// One that has sent nothing yet.
    pub fn new(options: SenderOptions, outlet: Arc<dyn Outlet>) -> Self {
        Self {
            options,
            outlet,
            lanes: BTreeMap::new(),
            groups: FxHashMap::default(),
            introduced: FxHashSet::default(),
            optioned: FxHashSet::default(),
            untold: Vec::new(),
            sent: Sent::default(),
            skipped: 0,
            control_seq: 0,
        }
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Makes an instrument known, with its streams, ahead of its ticks.
    ///
    /// # Errors
    /// When its exchange has no calendar, or the queue does not take it.
    pub async fn introduce(
        &mut self,
        instrument: &InstrumentKey,
        tick_size: Option<f64>,
    ) -> Result<(), SendError> {
        self.introduce_all(&[(instrument.clone(), tick_size)]).await
    }

    /// Makes instruments known, with their streams, a message or two a group.
    ///
    /// # Errors
    /// When an exchange has no calendar, or the queue does not take it.
    pub async fn introduce_all(
        &mut self,
        instruments: &[(InstrumentKey, Option<f64>)],
    ) -> Result<(), SendError> {
        let mut by_group: BTreeMap<GroupKey, (Vec<ReferenceChange>, Vec<StreamKey>)> = BTreeMap::new();
        for (instrument, tick_size) in instruments {
            if !self.introduced.insert(instrument.clone()) {
                continue;
            }
            let calendar = Calendar::of(instrument).map_err(|e| SendError::Calendar(e.to_string()))?;
            let group = self
                .options
                .placement
                .group_of(&self.options.universe, instrument);
            self.groups.insert(instrument.clone(), group.clone());
            let (references, streams) = by_group.entry(group).or_default();
            references.push(ReferenceChange::Instrument {
                instrument: instrument.clone(),
                calendar,
                tick_size: *tick_size,
            });
            streams.extend(self.options.signals.streams_of(instrument));
            match instrument.product() {
                Product::Opt => _ = self.optioned.insert(instrument.symbol().into()),
                _ => self.untold.push(instrument.clone()),
            }
        }
        if let Some(terms) = &self.options.chains {
            for underlying in self
                .untold
                .extract_if(.., |key| self.optioned.contains(key.symbol()))
            {
                if let Some(group) = self.groups.get(&underlying) {
                    let (references, _) = by_group.entry(group.clone()).or_default();
                    let terms = terms.clone();
                    references.push(ReferenceChange::Chain { underlying, terms });
                }
            }
        }
        for (group, (references, streams)) in by_group {
            for references in references.chunks(TICKS_PER_MESSAGE_MAX) {
                self.send_control(&group, |sender| wire::reference_message(sender, references))
                    .await?;
            }
            for streams in streams.chunks(TICKS_PER_MESSAGE_MAX) {
                self.send_control(&group, |sender| wire::plan_message(sender, streams, &[]))
                    .await?;
            }
        }
        Ok(())
    }

    /// Announces a split, behind the ticks handed over so far.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn split(
        &mut self,
        instrument: &InstrumentKey,
        ratio: f64,
        at: UnixNanos,
    ) -> Result<(), SendError> {
        self.introduce(instrument, None).await?;
        let Some(group) = self.groups.get(instrument).cloned() else {
            return Ok(());
        };
        self.flush_group(&group).await?;
        let change = ReferenceChange::Split {
            instrument: instrument.clone(),
            ratio,
            at,
            warm_up: Vec::new(),
        };
        self.send_control(&group, |sender| {
            wire::reference_message(sender, std::slice::from_ref(&change))
        })
        .await
    }

    /// Tells all groups the time of the data: bars that end by then are closed.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn clock(&mut self, time: UnixNanos) -> Result<(), SendError> {
        self.flush().await?;
        for group in self.lanes.keys().cloned().collect::<Vec<_>>() {
            self.send_control(&group, |sender| {
                wire::clock_message(sender, time.saturating_add(-LATENESS_NANOS))
            })
            .await?;
        }
        Ok(())
    }

    /// Takes a tick over; it is sent with the next flush.
    ///
    /// # Errors
    /// When its exchange has no calendar, or the queue does not take it.
    pub async fn hand_over(&mut self, tick: Tick) -> Result<(), SendError> {
        if !self.introduced.contains(&tick.instrument) {
            self.introduce(&tick.instrument, None).await?;
        }
        let Some(group) = self.groups.get(&tick.instrument) else {
            return Ok(());
        };
        if !self.lanes.contains_key(group) {
            self.lanes.insert(group.clone(), Lane::new());
        }
        if let Some(lane) = self.lanes.get_mut(group) {
            if lane.waiting.is_empty() {
                lane.since = Instant::now();
                lane.from = self.skipped + self.sent.ticks;
            }
            lane.waiting.push(tick);
            self.sent.ticks += 1;
            if lane.waiting.len() >= TICKS_PER_MESSAGE_MAX {
                let group = group.clone();
                self.flush_group(&group).await?;
            }
        }
        Ok(())
    }

    /// Counts a tick that an earlier run of this source has sent already.
    pub fn skip(&mut self, tick: &Tick) {
        let group = self.groups.entry(tick.instrument.clone()).or_insert_with(|| {
            self.options
                .placement
                .group_of(&self.options.universe, &tick.instrument)
        });
        self.lanes.entry(group.clone()).or_insert_with(Lane::new).seq += 1;
        self.skipped += 1;
    }

    /// All ticks of the feed before this place are acknowledged; some behind it
    /// may be too. A later run of the feed goes on from here.
    pub fn acknowledged_up_to(&self) -> u64 {
        let waiting = self
            .lanes
            .values()
            .filter(|lane| !lane.waiting.is_empty())
            .map(|lane| lane.from);
        waiting.min().unwrap_or(self.skipped + self.sent.ticks)
    }

    fn wait(&self) -> Duration {
        self.options.flush.saturating_sub(TIMER_GRAIN)
    }

    /// When the first group is due.
    pub fn due(&self) -> Option<Instant> {
        let waiting = self.lanes.values().filter(|lane| !lane.waiting.is_empty());
        waiting.map(|lane| lane.since + self.wait()).min()
    }

    /// Sends what has waited long enough.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn flush_due(&mut self) -> Result<(), SendError> {
        let latest = Instant::now().checked_sub(self.wait());
        self.flush_where(|lane| latest.is_some_and(|latest| lane.since <= latest))
            .await
    }

    /// Sends all that waits.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        self.flush_where(|_| true).await
    }

    async fn flush_group(&mut self, group: &GroupKey) -> Result<(), SendError> {
        let mut messages = Vec::new();
        if let Some(lane) = self.lanes.get_mut(group) {
            messages.extend(lane.message(group, &self.options));
        }
        self.send_all(messages).await
    }

    /// Groups go side by side, each with one message.
    async fn flush_where(&mut self, due: impl Fn(&Lane) -> bool) -> Result<(), SendError> {
        let options = &self.options;
        let messages = self
            .lanes
            .iter_mut()
            .filter(|(_, lane)| due(lane))
            .filter_map(|(group, lane)| lane.message(group, options))
            .collect();
        self.send_all(messages).await
    }

    async fn send_control(
        &mut self,
        group: &GroupKey,
        write: impl Fn(&wire::Sender<'_>) -> String,
    ) -> Result<(), SendError> {
        let sent = crate::now();
        self.control_seq += 1;
        let source = format!("{}/control", self.options.source);
        let epoch = sent.0.unsigned_abs();
        let sender = wire::Sender {
            group,
            source: &source,
            epoch,
            seq: self.control_seq,
            sent,
        };
        let message = Outgoing {
            group: group.to_string(),
            deduplication: deduplication_id(&format!("{group}:{source}:{epoch}:{}", self.control_seq)),
            body: write(&sender),
        };
        self.send_all(vec![(0, message)]).await
    }

    async fn send_all(&mut self, messages: Vec<(u64, Outgoing)>) -> Result<(), SendError> {
        let ticks: u64 = messages.iter().map(|(ticks, _)| ticks).sum();
        let count = messages.len() as u64;
        let outlet = &*self.outlet;
        let again = try_join_all(
            messages
                .into_iter()
                .map(|(_, message)| send_until_taken(outlet, message)),
        )
        .await?;
        self.sent.acknowledged += ticks;
        self.sent.messages += count;
        self.sent.again += again.into_iter().sum::<u64>();
        Ok(())
    }
}

impl Lane {
    fn message(&mut self, group: &GroupKey, options: &SenderOptions) -> Option<(u64, Outgoing)> {
        if self.waiting.is_empty() {
            return None;
        }
        let (source, epoch, seq) = (&options.source, options.epoch, self.seq);
        let sent = self
            .waiting
            .first()
            .map_or(UnixNanos(0), |tick| tick.receive_time);
        let sender = wire::Sender {
            group,
            source,
            epoch,
            seq,
            sent,
        };
        let ticks = self.waiting.len() as u64;
        let message = Outgoing {
            group: group.to_string(),
            // The same ticks cut in the same way; cut otherwise they are another message.
            deduplication: deduplication_id(&format!("{group}:{source}:{epoch}:{seq}+{ticks}")),
            body: wire::ticks_message(&sender, &self.waiting),
        };
        self.seq += ticks;
        self.waiting.clear();
        Some((ticks, message))
    }
}

/// As it is, or its hash where it is longer than the queue takes.
fn deduplication_id(text: &str) -> String {
    if text.len() <= DEDUPLICATION_BYTES_MAX {
        return text.to_owned();
    }
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Sends until the queue has it; says how often it had to be sent again. The
/// deduplication id stays, so that an answer that was lost does no harm.
async fn send_until_taken(outlet: &dyn Outlet, message: Outgoing) -> Result<u64, PortError> {
    let mut wait = AGAIN_AFTER.0;
    let mut again = 0;
    loop {
        match outlet.send(message.clone()).await {
            Ok(()) => return Ok(again),
            Err(error) if error.is_transient() && again < u64::from(TRIES_MAX) => {
                tracing::debug!(%error, "a message is sent again");
                again += 1;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(AGAIN_AFTER.1);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Why the sender gave up.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No calendar.
    #[error("{0}")]
    Calendar(String),
    /// The queue did not take a message after many tries.
    #[error("failed to send after {TRIES_MAX} tries: {0}")]
    Port(#[from] PortError),
}

//! What must hold of the logs: each commit is checked as it is made, and folded
//! by an engine of the checker's own, whose signals are what clients are judged by.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};
use tickwire_market::{Tick, UnixNanos};
use tickwire_service::group::GroupState;
use tickwire_service::ports::StoredCheckpoint;
use tickwire_service::testing::Tables;
use tickwire_signals::{Event, SignalValue, outputs_of};
use tickwire_streams::{GroupKey, Offset, SourceName};
use tickwire_wire::{Manifest, Segment, decode, write_value};

use crate::bars::BarsTruth;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Every accepted tick is in the log once, in the order of the queue.
    TickOnce,
    /// The log is one chain, each segment published before the next is committed.
    OneChain,
    /// Every signal is the engine's on that log.
    SignalOfEngine,
    /// A client's stream has no gap that it was not told of.
    NoSilentGap,
    /// What a client was told to be lost was.
    NothingLost,
    /// No frame goes to someone who is not entitled.
    Entitled,
    /// The queues drain, and all is published.
    Drained,
    /// When nothing goes wrong any longer, clients catch up and are served at once.
    ServedAgain,
    /// Where posts are short the quota is kept, and each connection has its share.
    FairShare,
    /// Nobody is sent more frames than his tier has.
    FramesOfTier,
    /// What is stored, and what history tells, of closed bars is what the log closed.
    History,
    /// The log keeps what is young, and what two checkpoints do not stand for.
    LogKept,
    /// Of a connection that was closed no subscriber stays.
    Forgotten,
    /// Nobody is busy without end while no time goes by.
    ComesToRest,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// Simulated nanoseconds since the run began.
    pub at: i64,
    /// What was seen.
    pub what: String,
}

/// A tick as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct SentTick {
    pub(crate) exchange_time: UnixNanos,
    pub(crate) price: f64,
    /// It cannot be right, and is to be set aside.
    pub(crate) bad: bool,
}

/// A message of ticks as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct SentTicks {
    pub(crate) source: SourceName,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) ticks: Vec<SentTick>,
}

#[derive(Debug)]
struct Expected {
    source: SourceName,
    epoch: u64,
    seq: u64,
    message: u64,
    tick: SentTick,
}

#[derive(Default)]
struct GroupTruth {
    state: GroupState,
    /// Epoch and next sequence number of each source, by the order of the queue.
    positions: BTreeMap<SourceName, (u64, u64)>,
    expected: VecDeque<Expected>,
    /// Messages that were set aside whole, with their reason told.
    parked: FxHashSet<u64>,
    /// Place in the list of streams, by the engine's id.
    streams: Vec<usize>,
    /// Shards to which each segment was published, a bit each.
    published: FxHashMap<u64, u32>,
    shards: u16,
}

/// A signal of the log.
#[derive(Clone, Debug)]
pub(crate) struct TrueSignal {
    pub(crate) offset: Offset,
    pub(crate) previous: Option<Offset>,
    pub(crate) value: Box<str>,
}

/// A stream, with all its signals.
#[derive(Debug)]
pub(crate) struct TrueStream {
    pub(crate) key: String,
    outputs: Vec<&'static str>,
    pub(crate) signals: Vec<TrueSignal>,
}

/// All logs, as they must be.
#[derive(Default)]
pub(crate) struct Truth {
    groups: BTreeMap<GroupKey, GroupTruth>,
    by_key: FxHashMap<String, usize>,
    streams: Vec<TrueStream>,
    pub(crate) bars: BarsTruth,
    /// Segments, ticks and signals checked.
    pub(crate) segments: u64,
    pub(crate) ticks: u64,
    pub(crate) signals: u64,
    /// Signals that correct a bar.
    pub(crate) corrections: u64,
}

pub(crate) type Broken = (Promise, String);

impl Truth {
    pub(crate) fn add_group(&mut self, group: &GroupKey, shards: u16) {
        self.groups.entry(group.clone()).or_default().shards = shards;
    }

    pub(crate) fn stream_place(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn stream(&self, place: usize) -> Option<&TrueStream> {
        self.streams.get(place)
    }

    /// The queue took a message of ticks: which of them are accepted is decided by its order alone.
    pub(crate) fn on_sent(&mut self, group: &GroupKey, message: u64, sent: &SentTicks) {
        let truth = self.groups.entry(group.clone()).or_default();
        let (epoch, next) = truth.positions.entry(sent.source.clone()).or_default();
        if sent.epoch < *epoch {
            return;
        }
        if sent.epoch > *epoch {
            (*epoch, *next) = (sent.epoch, 0);
        }
        for (seq, tick) in (sent.seq..).zip(&sent.ticks) {
            if seq < *next {
                continue;
            }
            *next = seq + 1;
            if !tick.bad {
                truth.expected.push_back(Expected {
                    source: sent.source.clone(),
                    epoch: sent.epoch,
                    seq,
                    message,
                    tick: tick.clone(),
                });
            }
        }
    }

    /// A message was set aside whole.
    pub(crate) fn on_parked(&mut self, group: &str, message: u64) {
        if let Some(truth) = group
            .parse::<GroupKey>()
            .ok()
            .and_then(|group| self.groups.get_mut(&group))
        {
            truth.parked.insert(message);
        }
    }

    /// A segment was committed.
    pub(crate) fn on_commit(&mut self, group: &GroupKey, number: u64, bytes: &[u8]) -> Result<(), Broken> {
        let one_chain = |what: String| (Promise::OneChain, what);
        let truth = self.groups.entry(group.clone()).or_default();
        let before = truth.state.segment;
        if number != before + 1 {
            return Err(one_chain(format!(
                "{group}: segment {number} was put behind {before}"
            )));
        }
        let segment: Segment =
            decode(bytes).map_err(|e| one_chain(format!("{group}: segment {number}: {e}")))?;
        if before > 0 && !truth.is_published(before) {
            let what = format!("{group}: segment {number} was committed before {before} was published");
            return Err(one_chain(what));
        }
        let settled = truth.state.apply(number, &segment);
        let settled = settled.map_err(|e| (Promise::SignalOfEngine, format!("{group}: {e}")))?;
        let stored = segment.signals(number);
        if settled.signals != stored {
            let what = format!("{group}: the signals of segment {number} are not those of its events");
            return Err((Promise::SignalOfEngine, what));
        }
        if stored.is_empty() {
            // Nothing to publish.
            truth.published.insert(number, u32::MAX);
        }
        self.ticks += truth.take_ticks(group, &segment)?;
        self.bars.on_commit(group, settled.bars)?;
        self.segments += 1;
        self.signals += stored.len() as u64;
        for signal in stored {
            self.corrections += u64::from(matches!(signal.value, SignalValue::CorrectedBar(_)));
            let id = signal.stream as usize;
            while truth.streams.len() <= id {
                let Some(stream) = truth.state.engine.streams().get(truth.streams.len()) else {
                    return Err((
                        Promise::SignalOfEngine,
                        format!("{group}: stream {id} is not in the plan"),
                    ));
                };
                let outputs = outputs_of(&stream.key.stream.expression);
                let key = stream.key.to_string();
                truth.streams.push(self.streams.len());
                self.by_key.insert(key.clone(), self.streams.len());
                self.streams.push(TrueStream {
                    key,
                    outputs,
                    signals: Vec::new(),
                });
            }
            let stream = &mut self.streams[truth.streams[id]];
            let before = stream.signals.last().map(|signal| signal.offset);
            if signal.previous != before {
                let what = format!(
                    "{}: {} names {:?} as the one before, which is {before:?}",
                    stream.key, signal.offset, signal.previous
                );
                return Err((Promise::SignalOfEngine, what));
            }
            let mut value = String::new();
            write_value(&mut value, &signal.value, &stream.outputs);
            stream.signals.push(TrueSignal {
                offset: signal.offset,
                previous: signal.previous,
                value: value.into(),
            });
        }
        Ok(())
    }

    /// A publication is in the queue: its group there, and its deduplication id.
    pub(crate) fn on_published(&mut self, shard: &str, deduplication: &str) {
        let place = shard.split_once('#').and_then(|(group, shard)| {
            let truth = self.groups.get_mut(&group.parse::<GroupKey>().ok()?)?;
            Some((truth, shard.parse::<u32>().ok()?, segment_of(deduplication)?))
        });
        if let Some((truth, shard, segment)) = place {
            *truth.published.entry(segment).or_default() |= 1 << shard;
        }
    }

    /// What must hold when the queues are empty.
    pub(crate) fn at_rest(&self) -> Result<(), Broken> {
        for (group, truth) in &self.groups {
            if let Some(missing) = truth
                .expected
                .iter()
                .find(|tick| !truth.parked.contains(&tick.message))
            {
                let Expected {
                    source, epoch, seq, ..
                } = missing;
                return Err((
                    Promise::TickOnce,
                    format!(
                        "{group}: tick {source} {epoch} {seq} was taken by the queue and is not in the log"
                    ),
                ));
            }
            let tail = truth.state.segment;
            if tail > 0 && !truth.is_published(tail) {
                return Err((
                    Promise::Drained,
                    format!("{group}: segment {tail} was never published"),
                ));
            }
            let gaps: u64 = truth
                .state
                .sources
                .values()
                .map(|source| source.position.gaps)
                .sum();
            if gaps > 0 && truth.parked.is_empty() {
                return Err((
                    Promise::TickOnce,
                    format!("{group}: {gaps} ticks are counted as missing, and none is"),
                ));
            }
        }
        Ok(())
    }
}

/// Segments are about to go: each was committed before `before`, and behind all of them are two
/// checkpoints with all of their pages.
pub(crate) fn may_go(
    tables: &Tables,
    group: &GroupKey,
    numbers: &[u64],
    before: UnixNanos,
) -> Result<(), Broken> {
    let broken = |what: String| Err((Promise::LogKept, format!("{group}: {what}")));
    let log = tables.log.get(group);
    for number in numbers {
        // Whoever does it again finds some that are gone.
        let Some(bytes) = log.and_then(|log| log.get(number)) else {
            continue;
        };
        match decode::<Segment>(bytes) {
            Ok(segment) if segment.committed_at < before => {}
            Ok(_) => return broken(format!("segment {number} goes, and is not old")),
            Err(error) => return broken(error.to_string()),
        }
    }
    let is_whole = |stored: &StoredCheckpoint| {
        decode::<Manifest>(&stored.manifest).is_ok_and(|manifest| {
            let names: Vec<(u64, u32)> = manifest
                .pages
                .iter()
                .map(|page| (page.segment, page.page))
                .collect();
            tables.pages(group, &names).iter().all(Option::is_some)
        })
    };
    let last = numbers.iter().max().copied().unwrap_or_default();
    let checkpoints = tables.manifests(group, u64::MAX, usize::MAX);
    let mut behind = checkpoints
        .iter()
        .filter(|stored| stored.segment > last && is_whole(stored));
    match behind.nth(1) {
        Some(_) => Ok(()),
        None => broken(format!(
            "segment {last} goes, and no two checkpoints are behind it"
        )),
    }
}

/// The segment that a publication's deduplication id names: `…:{epoch}:{segment}:{part}`.
pub(crate) fn segment_of(deduplication: &str) -> Option<u64> {
    deduplication.rsplit(':').nth(1)?.parse().ok()
}

impl GroupTruth {
    fn is_published(&self, segment: u64) -> bool {
        let all = (1u32 << self.shards) - 1;
        self.published
            .get(&segment)
            .is_some_and(|shards| shards & all == all)
    }

    /// The ticks of a segment are the next ones of the queue; returns how many.
    fn take_ticks(&mut self, group: &GroupKey, segment: &Segment) -> Result<u64, Broken> {
        let mut logged: Vec<(SourceName, u64, Option<Tick>)> = Vec::new();
        let whole = segment.for_each_event(
            &mut logged,
            |_, place| self.state.engine.instrument_at(place).cloned(),
            |logged, event| {
                let name = segment
                    .sources
                    .get(event.source as usize)
                    .map_or_else(|| "".into(), |row| row.name.clone());
                let tick = match event.event {
                    Event::Tick(tick) => Some(tick),
                    _ => None,
                };
                logged.push((name, event.seq, tick));
            },
        );
        if !whole {
            return Err((Promise::OneChain, format!("{group}: a segment cannot be read")));
        }
        let epochs = segment
            .runs()
            .iter()
            .flat_map(|run| (0..run.events).map(|_| run.epoch));
        let mut count = 0;
        for ((source, seq, tick), epoch) in logged.into_iter().zip(epochs) {
            let Some(tick) = tick else { continue };
            count += 1;
            let fits = |expected: &Expected| {
                expected.source == source
                    && (expected.epoch, expected.seq) == (epoch, seq)
                    && expected.tick.exchange_time == tick.exchange_time
                    && expected.tick.price == tick.price
            };
            while self
                .expected
                .front()
                .is_some_and(|front| !fits(front) && self.parked.contains(&front.message))
            {
                self.expected.pop_front();
            }
            if self.expected.front().is_some_and(fits) {
                self.expected.pop_front();
                continue;
            }
            let next = self.expected.front().map_or_else(
                || "none".to_owned(),
                |next| format!("{} {} {}", next.source, next.epoch, next.seq),
            );
            return Err((
                Promise::TickOnce,
                format!(
                    "{group}: the log took tick {source} {epoch} {seq}, and the next one of the queue is {next}"
                ),
            ));
        }
        Ok(count)
    }
}

//! A group in memory: engine and sources, and the draft of the next segment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tickwire_market::{TickRefusal, UnixNanos};
use tickwire_signals::{ENGINE_VERSION, Engine, Event, Fold, Folded, PlanChange, Signal, SignalValue};
use tickwire_streams::{Offset, Position, SeqVerdict, SourceName};
use tickwire_wire::{BadEvent, Caused, LoggedEvent, Segment, SetAside, SourceRow, segment_bytes_max};

/// Sources kept per group; the one that has been silent longest goes first.
const SOURCES_PER_GROUP_MAX: usize = 1_024;
/// Signals at which a segment is cut. One event gives at most as many as a
/// group has streams, so the index of an offset never runs out.
const SIGNALS_PER_SEGMENT_CUT: usize = Offset::SIGNALS_PER_SEGMENT / 2 - 1;
/// Estimated bytes at which a segment is cut. The rest of the bound is for the
/// last event: one that closes the bars of a whole group gives many signals.
const SEGMENT_BYTES_CUT: usize = segment_bytes_max * 3 / 8;
/// How far what a sender tells may be ahead of this machine's clock: wide, since
/// a made-up market may run faster than time, and still far from a wrong unit.
pub const SENDER_AHEAD_NANOS_MAX: i64 = 30 * 86_400 * UnixNanos::PER_SECOND;
/// Upper estimates of what things take in an encoded segment.
const TICK_BYTES: usize = 28;
const NUMBER_BYTES: usize = 8;
const RUN_BYTES: usize = 24;
const HOLE_BYTES: usize = 20;
const SIGNAL_BYTES: usize = 16;
const VALUE_BYTES: usize = 10;

/// What was taken and what was not; counted since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeCounts {
    /// Ticks folded.
    pub accepted: u64,
    /// Events seen before.
    pub duplicate: u64,
    /// Events of senders that had been superseded.
    pub old_epoch: u64,
    /// Events set aside with a reason.
    pub set_aside: u64,
    /// Sequence numbers that were missing when a later one came.
    pub gaps: u64,
}

/// The state of a group after its last committed segment, and what is being
/// added to it.
#[derive(Debug, Default)]
pub struct GroupState {
    /// The engine.
    pub engine: Engine,
    /// Sources of ticks and where they stand.
    pub sources: BTreeMap<SourceName, SourceRow>,
    /// Events set aside since the group began.
    pub set_aside: u64,
    /// Last segment in it (0: none).
    pub segment: u64,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Its source.
    pub source: &'a SourceName,
    /// The source's epoch.
    pub epoch: u64,
    /// Its sequence number there.
    pub seq: u64,
    /// When the sender had it.
    pub sent: UnixNanos,
    /// This machine's clock: no value depends on it, but what claims to be
    /// long after it is set aside.
    pub now: UnixNanos,
}

/// A segment in the making.
#[derive(Debug)]
pub struct Draft {
    number: u64,
    fold: Fold,
    sources: Vec<SourceName>,
    epochs: Vec<u64>,
    events: Vec<LoggedEvent>,
    causes: Vec<u32>,
    set_aside: Vec<SetAside>,
    bytes: usize,
}

/// Why a stored segment could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Written by a newer engine: this build must not fold on.
    #[error(
        "segment {segment} was folded by engine {found}, this build has {ENGINE_VERSION}: deploy the newer build"
    )]
    NewerEngine {
        /// Which segment.
        segment: u64,
        /// Its engine's version.
        found: u32,
    },
    /// Folding its events does not give its signals.
    #[error(
        "segment {segment} does not fold to what it holds ({what}): the log is damaged or the engine has changed"
    )]
    Parity {
        /// Which segment.
        segment: u64,
        /// What differs.
        what: &'static str,
    },
}

impl Draft {
    fn new(number: u64) -> Self {
        Self {
            number,
            fold: Fold::new(number),
            sources: Vec::new(),
            epochs: Vec::new(),
            events: Vec::new(),
            causes: Vec::new(),
            set_aside: Vec::new(),
            bytes: 256,
        }
    }

    /// Nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.set_aside.is_empty()
    }

    /// Bars were closed in it that are not stored yet.
    pub fn has_closed_bars(&self) -> bool {
        !self.fold.bars.is_empty()
    }

    /// Full enough to be cut here.
    pub fn is_full(&self) -> bool {
        self.bytes >= SEGMENT_BYTES_CUT || self.fold.signals.len() >= SIGNALS_PER_SEGMENT_CUT
    }

    fn source(&mut self, name: &SourceName, epoch: u64) -> u32 {
        let known = self
            .sources
            .iter()
            .zip(&self.epochs)
            .position(|(n, e)| n == name && *e == epoch);
        let place = known.unwrap_or_else(|| {
            self.sources.push(name.clone());
            self.epochs.push(epoch);
            self.bytes += name.len() + 64;
            self.sources.len() - 1
        });
        place as u32
    }
}

/// What a committed segment leads to, beyond the log.
#[derive(Debug)]
pub struct Settlement {
    /// Number of the segment.
    pub segment: u64,
    /// Version of the plan after it.
    pub plan_version: u64,
    /// Whether the plan changed in it.
    pub plan_changed: bool,
    /// When it was committed.
    pub committed_at: UnixNanos,
    /// Names of its sources.
    pub sources: Vec<String>,
    /// Its signals.
    pub signals: Vec<Signal>,
    /// The bars it closed.
    pub bars: Vec<tickwire_signals::ClosedBar>,
}

impl GroupState {
    /// A draft of the segment after the last.
    pub fn draft(&self) -> Draft {
        Draft::new(self.segment + 1)
    }

    /// Whether an event of a source follows directly on what is known.
    pub fn follows(&self, source: &SourceName, epoch: u64, seq: u64) -> bool {
        self.sources
            .get(source)
            .is_some_and(|row| row.position.epoch == epoch && row.position.next == seq)
    }

    /// Takes one event of a message into the draft, or sets it aside.
    ///
    /// Only ticks are judged by their sequence number. Clock, plan and
    /// reference events say how things are to be, so that to take one again
    /// changes nothing, and many senders may send them.
    pub fn take(
        &mut self,
        draft: &mut Draft,
        origin: &Origin<'_>,
        event: Result<Event, BadEvent>,
        counts: &mut TakeCounts,
    ) {
        let Origin {
            source,
            epoch,
            seq,
            sent,
            now,
        } = *origin;
        if !matches!(event, Ok(Event::Clock(_) | Event::Plan(_) | Event::Reference(_))) {
            let row = self.sources.entry(source.clone()).or_insert_with(|| SourceRow {
                name: source.clone(),
                position: Position::default(),
                seen: sent,
            });
            let gaps = row.position.gaps;
            match row.position.take(epoch, seq) {
                SeqVerdict::Accept | SeqVerdict::Fill => {}
                SeqVerdict::Duplicate => return counts.duplicate += 1,
                SeqVerdict::OldEpoch => return counts.old_epoch += 1,
            }
            row.seen = row.seen.max(sent);
            if !draft.sources.contains(source) {
                draft.bytes += HOLE_BYTES * row.position.holes.len();
            }
            counts.gaps += row.position.gaps - gaps;
        }
        let place = draft.source(source, epoch);
        draft.fold.source = place;
        draft.fold.receive_time = sent;
        let (code, detail) = match event {
            Err(BadEvent { why, raw }) => ("malformed", format!("{why}: {raw}")),
            Ok(event) if is_ahead(&event, now) => {
                let why = "it claims to be of more than 30 days after this machine's clock";
                (TickRefusal::TimeInFuture.code(), describe(why, &event))
            }
            Ok(event) => {
                let before = draft.fold.signals.len();
                match self.engine.fold(&event, &mut draft.fold) {
                    Ok(Folded::Unchanged) => return,
                    Ok(Folded::Changed) => {
                        counts.accepted += u64::from(matches!(event, Event::Tick(_)));
                        let cause = draft.events.len() as u32;
                        let last = draft.events.last();
                        if last
                            .is_none_or(|last| last.source != place || last.seq.checked_add(1) != Some(seq))
                        {
                            draft.bytes += RUN_BYTES;
                        }
                        draft.bytes += estimate(&event);
                        for signal in &draft.fold.signals[before..] {
                            draft.causes.push(cause);
                            draft.bytes += SIGNAL_BYTES
                                + match &signal.value {
                                    SignalValue::Price(_) => 0,
                                    SignalValue::Bar(_) | SignalValue::CorrectedBar(_) => 8 * VALUE_BYTES,
                                    SignalValue::Values(values) => VALUE_BYTES * (values.len() + 1),
                                };
                        }
                        draft.events.push(LoggedEvent {
                            source: place,
                            seq,
                            event,
                        });
                        return;
                    }
                    Err(refusal) => (refusal.code(), describe(&refusal.to_string(), &event)),
                }
            }
        };
        counts.set_aside += 1;
        self.set_aside += 1;
        draft.bytes += detail.len() + 24;
        draft.set_aside.push(SetAside {
            source: place,
            seq,
            code: code.to_owned(),
            detail,
        });
    }

    /// Closes the draft: the segment to commit and what follows from it. The
    /// state then stands after the segment.
    pub fn close(&mut self, draft: Draft, committed_at: UnixNanos) -> (Segment, Settlement) {
        let number = draft.number;
        let sources = draft
            .sources
            .iter()
            .map(|name| {
                self.sources.get(name).cloned().unwrap_or_else(|| SourceRow {
                    name: name.clone(),
                    position: Position::default(),
                    seen: committed_at,
                })
            })
            .collect();
        let segment = Segment::new(
            ENGINE_VERSION,
            self.engine.plan_version(),
            committed_at,
            sources,
            draft.set_aside,
        );
        let segment = segment.pack(
            number,
            &draft.events,
            |key| self.engine.place_of(key).unwrap_or(u32::MAX),
            |source| draft.epochs.get(source as usize).copied().unwrap_or(0),
            &Caused {
                signals: &draft.fold.signals,
                causes: &draft.causes,
                valuations: &draft.fold.valuations,
            },
        );
        self.segment = number;
        self.expire_sources();
        let settlement = Settlement {
            segment: number,
            plan_version: segment.plan_version,
            plan_changed: draft.fold.plan_changed,
            committed_at,
            sources: draft.sources.iter().map(|name| name.to_string()).collect(),
            signals: draft.fold.signals,
            bars: draft.fold.bars,
        };
        (segment, settlement)
    }

    fn expire_sources(&mut self) {
        while self.sources.len() > SOURCES_PER_GROUP_MAX {
            let Some(oldest) = self
                .sources
                .values()
                .min_by_key(|row| row.seen)
                .map(|row| row.name.clone())
            else {
                return;
            };
            self.sources.remove(&oldest);
        }
    }

    /// Folds a committed segment, and checks that it gives the same number of
    /// signals (`explain` and `replay --verify` compare every bit).
    pub fn apply(&mut self, number: u64, segment: &Segment) -> Result<Settlement, ApplyError> {
        if segment.engine_version > ENGINE_VERSION {
            return Err(ApplyError::NewerEngine {
                segment: number,
                found: segment.engine_version,
            });
        }
        if number != self.segment + 1 {
            return Err(ApplyError::Parity {
                segment: number,
                what: "its number does not follow",
            });
        }
        let mut fold = Fold::of(number, segment.engine_version);
        let mut refused = false;
        let whole = segment.for_each_event(
            &mut (&mut self.engine, &mut fold, &mut refused),
            |(engine, _, _), place| engine.instrument_at(place).cloned(),
            |(engine, fold, refused), logged| {
                fold.source = logged.source;
                fold.receive_time = segment.committed_at;
                **refused |= engine.fold(&logged.event, fold).is_err();
            },
        );
        if !whole || refused {
            return Err(ApplyError::Parity {
                segment: number,
                what: "an event is refused",
            });
        }
        if fold.signals.len() != segment.signals_len() {
            return Err(ApplyError::Parity {
                segment: number,
                what: "the number of signals",
            });
        }
        for row in &segment.sources {
            if row.position != Position::default() {
                self.sources.insert(row.name.clone(), row.clone());
            }
        }
        self.set_aside += segment.set_aside.len() as u64;
        self.segment = number;
        self.expire_sources();
        Ok(Settlement {
            segment: number,
            plan_version: segment.plan_version,
            plan_changed: fold.plan_changed,
            committed_at: segment.committed_at,
            sources: segment.sources.iter().map(|row| row.name.to_string()).collect(),
            signals: fold.signals,
            bars: fold.bars,
        })
    }
}

fn estimate(event: &Event) -> usize {
    use tickwire_signals::{ReferenceChange, WarmUp};
    let warm_up = |warm_up: &WarmUp| (warm_up.closed.len() + 1) * 80;
    match event {
        Event::Tick(tick) => {
            let quotes = [tick.bid, tick.ask]
                .map(|quote| quote.map_or(0, |quote| 1 + usize::from(quote.size.is_some())));
            let optional = [tick.size, tick.volume, tick.open_interest]
                .iter()
                .flatten()
                .count();
            TICK_BYTES
                + NUMBER_BYTES * (1 + optional + quotes[0] + quotes[1])
                + tick.depth.as_ref().map_or(0, |_| 200)
        }
        Event::Clock(_) => 16,
        Event::Plan(PlanChange::Add {
            stream,
            warm_up: history,
        }) => stream.stream.expression.len() + 100 + warm_up(history),
        Event::Plan(PlanChange::AddSeeded { stream, seeds }) => {
            let bytes: usize = seeds.iter().map(|seed| 80 + warm_up(&seed.warm_up)).sum();
            stream.stream.expression.len() + 100 + bytes
        }
        Event::Plan(PlanChange::Remove { stream }) => stream.stream.expression.len() + 100,
        Event::Reference(ReferenceChange::Instrument { .. }) => 120,
        Event::Reference(ReferenceChange::Chain { terms, .. }) => 160 + 16 * terms.rates.len(),
        Event::Reference(ReferenceChange::Split { warm_up: frames, .. }) => {
            120 + frames.iter().map(|(_, history)| warm_up(history)).sum::<usize>()
        }
    }
}

/// Whether it was received, or tells the time, long after this machine's clock:
/// were it folded, it would close every bar that is open, and make late what is in time.
fn is_ahead(event: &Event, now: UnixNanos) -> bool {
    let time = match event {
        Event::Tick(tick) => tick.receive_time,
        Event::Clock(time) => *time,
        Event::Plan(_) | Event::Reference(_) => return false,
    };
    time > now.saturating_add(SENDER_AHEAD_NANOS_MAX)
}

fn describe(refusal: &str, event: &Event) -> String {
    match event {
        Event::Tick(tick) => format!(
            "{} {} at {}: {refusal}",
            tick.instrument, tick.price, tick.exchange_time.0
        ),
        Event::Clock(time) => format!("clock {}: {refusal}", time.0),
        Event::Plan(
            PlanChange::Add { stream, .. }
            | PlanChange::AddSeeded { stream, .. }
            | PlanChange::Remove { stream },
        ) => format!("plan {stream}: {refusal}"),
        Event::Reference(_) => format!("reference: {refusal}"),
    }
}

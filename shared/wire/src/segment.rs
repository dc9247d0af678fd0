//! The segment: what one commit puts into the log.
//!
//! It holds the accepted events in compact lossless form, what was set aside,
//! where the sources stand afterwards, and the signals. Closed bars are not in
//! it: folding the events gives them again, and so they cost nothing here.

mod bars;
mod greeks;
mod signals;
mod stored;
mod ticks;

use serde::{Deserialize, Serialize};
use tickwire_market::{InstrumentKey, UnixNanos};
use tickwire_signals::{Event, LATENESS_NANOS, PlanChange, PriceValue, ReferenceChange, Signal, StreamId};
use tickwire_streams::{Position, SourceName};

use crate::binary::Shape;
pub(crate) use bars::Bars;
pub use signals::Caused;
use signals::{Cause, Signals};
use ticks::{Row, Ticks};

/// Encoded size at which a segment is cut; a row holds 400 KB.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const segment_bytes_max: usize = 256 * 1_024;

/// A source and where it stands after the segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its name.
    pub name: SourceName,
    /// Where it stands.
    pub position: Position,
    /// When it last sent.
    pub seen: UnixNanos,
}

/// Consecutive events of one source in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Place of the source in [`Segment::sources`].
    pub source: u32,
    /// Epoch of the source.
    pub epoch: u64,
    /// Sequence number of the first event.
    pub seq: u64,
    /// How many.
    pub events: u32,
}

/// An event that was set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetAside {
    /// Place of the source in [`Segment::sources`].
    pub source: u32,
    /// Its sequence number.
    pub seq: u64,
    /// Stable code of the reason.
    pub code: String,
    /// What is known of it.
    pub detail: String,
}

/// One event of a segment, with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedEvent {
    /// Place of the source in [`Segment::sources`].
    pub source: u32,
    /// Its sequence number.
    pub seq: u64,
    /// The event.
    pub event: Event,
}

/// What one commit puts into the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Version of the engine that folded it.
    pub engine_version: u32,
    /// Version of the plan after it.
    pub plan_version: u64,
    /// When it was committed, by the consumer's clock; no value depends on it.
    pub committed_at: UnixNanos,
    /// Sources that sent in it, and where they stand after it.
    pub sources: Vec<SourceRow>,
    /// What was set aside.
    pub set_aside: Vec<SetAside>,
    runs: Vec<Run>,
    ticks: Ticks,
    /// Events that are no ticks, with their place among all events.
    others: Vec<(u32, Other)>,
    signals: Signals,
}

impl Shape for Segment {
    const NAME: &'static str = "a segment of the log";
    const VERSION: u8 = 3;

    /// In version 2 there were no corrected bars.
    fn read_older(version: u8, content: &[u8]) -> Option<Self> {
        match version {
            1 => Self::read_before(content),
            2 => match postcard::take_from_bytes(content) {
                Ok((segment, [])) => Some(segment),
                _ => None,
            },
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Other {
    Clock(UnixNanos),
    Plan(PlanChange),
    Reference(ReferenceChange),
}

impl Other {
    fn event(&self) -> Event {
        match self {
            Self::Clock(time) => Event::Clock(*time),
            Self::Plan(change) => Event::Plan(change.clone()),
            Self::Reference(change) => Event::Reference(change.clone()),
        }
    }

    /// Exchange and receive time of the signals it causes.
    fn times(&self) -> (UnixNanos, UnixNanos) {
        match self {
            Self::Clock(time) => (*time, time.saturating_add(LATENESS_NANOS)),
            Self::Plan(_) | Self::Reference(_) => (UnixNanos(0), UnixNanos(0)),
        }
    }
}

/// An event as the columns hold it.
enum Content<'a> {
    Tick(Row),
    Other(&'a Other),
}

impl Segment {
    /// One without events and signals; [`Segment::pack`] puts them in.
    pub fn new(
        engine_version: u32,
        plan_version: u64,
        committed_at: UnixNanos,
        sources: Vec<SourceRow>,
        set_aside: Vec<SetAside>,
    ) -> Self {
        Self {
            engine_version,
            plan_version,
            committed_at,
            sources,
            set_aside,
            ..Self::default()
        }
    }

    /// Packs events and signals; `number` is the segment's own, `instrument`
    /// gives the place of an instrument among those of the group, and `epochs` the
    /// epoch of the source at a place, asked for each event in order.
    ///
    /// What a signal shares with its cause is not stored: its source, its
    /// receive time (a clock event's is its time plus the lateness, that of a
    /// plan or reference event 0), and a price signal's exchange time and value.
    /// Greeks of an option are stored as what they were computed from, where that
    /// gives them again to the bit.
    pub fn pack(
        mut self,
        number: u64,
        events: &[LoggedEvent],
        instrument: impl Fn(&InstrumentKey) -> u32,
        epochs: impl Fn(u32) -> u64,
        caused: &Caused<'_>,
    ) -> Self {
        let (mut ticks, mut exchange) = (Vec::new(), Vec::with_capacity(events.len()));
        for (place, LoggedEvent { source, seq, event }) in events.iter().enumerate() {
            let other = match event {
                Event::Tick(tick) => {
                    ticks.push((instrument(&tick.instrument), tick));
                    exchange.push((tick.exchange_time.0, PriceValue::of(tick).option_price()));
                    None
                }
                Event::Clock(time) => Some(Other::Clock(*time)),
                Event::Plan(change) => Some(Other::Plan(change.clone())),
                Event::Reference(change) => Some(Other::Reference(change.clone())),
            };
            if let Some(other) = other {
                exchange.push((other.times().0.0, None));
                self.others.push((place as u32, other));
            }
            let epoch = epochs(*source);
            match self.runs.last_mut() {
                Some(run)
                    if run.source == *source
                        && run.epoch == epoch
                        && run.seq.checked_add(u64::from(run.events)) == Some(*seq) =>
                {
                    run.events += 1
                }
                _ => self.runs.push(Run {
                    source: *source,
                    epoch,
                    seq: *seq,
                    events: 1,
                }),
            }
        }
        self.ticks = Ticks::pack(&ticks);
        self.signals = Signals::pack(number, caused, &exchange);
        self
    }

    /// Number of events.
    pub fn events_len(&self) -> usize {
        self.runs.iter().map(|run| run.events as usize).sum()
    }

    /// Number of signals.
    pub fn signals_len(&self) -> usize {
        self.signals.len()
    }

    /// Runs of consecutive events.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Calls `each` with every event in order. `instrument` gives the key of
    /// the group's instrument at a place, as of the events before.
    ///
    /// Returns false if the content does not fit together: the segment is damaged.
    pub fn for_each_event<S>(
        &self,
        state: &mut S,
        instrument: impl Fn(&S, u32) -> Option<InstrumentKey>,
        mut each: impl FnMut(&mut S, LoggedEvent),
    ) -> bool {
        if self.events_len() != self.ticks.len() + self.others.len() {
            return false;
        }
        for (source, seq, content) in self.contents() {
            let event = match content {
                Some(Content::Other(other)) => other.event(),
                Some(Content::Tick(row)) => match instrument(state, row.instrument) {
                    Some(key) => Event::Tick(row.into_tick(key)),
                    None => return false,
                },
                None => return false,
            };
            each(state, LoggedEvent { source, seq, event });
        }
        true
    }

    /// Every event with its source and sequence number; `None` where a tick is missing.
    fn contents(&self) -> impl Iterator<Item = (u32, u64, Option<Content<'_>>)> {
        let mut ticks = self.ticks.rows();
        let mut others = self.others.iter().peekable();
        let origins = self
            .runs
            .iter()
            .flat_map(|run| (0..run.events).map(|nth| (run.source, run.seq.wrapping_add(u64::from(nth)))));
        (0u32..).zip(origins).map(move |(place, (source, seq))| {
            let content = match others.next_if(|(at, _)| *at == place) {
                Some((_, other)) => Some(Content::Other(other)),
                None => ticks.next().map(Content::Tick),
            };
            (source, seq, content)
        })
    }

    /// The signals, with their offsets; needs no state.
    pub fn signals(&self, number: u64) -> Vec<Signal> {
        self.signals_where(number, |_| true)
    }

    /// The signals of the streams that `wanted` takes.
    pub fn signals_where(&self, number: u64, wanted: impl Fn(StreamId) -> bool) -> Vec<Signal> {
        if !self.signals.any(&wanted) {
            return Vec::new();
        }
        self.signals.unpack(number, &self.causes(), wanted)
    }

    /// What each event lends to the signals it caused.
    fn causes(&self) -> Vec<Cause> {
        let cause = |(source, _, content)| {
            let (times, price) = match content? {
                Content::Tick(row) => ((row.exchange_time, row.receive_time), Some(row.price)),
                Content::Other(other) => (other.times(), None),
            };
            Some(Cause {
                source,
                exchange_time: times.0,
                receive_time: times.1,
                price,
            })
        };
        self.contents().map_while(cause).collect()
    }
}

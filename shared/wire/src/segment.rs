//! The segment: what one commit puts into the log.
//!
//! It holds the accepted events in compact lossless form, what was set aside,
//! where the sources stand afterwards, and the signals. Closed bars are not in
//! it: folding the events gives them again, and so they cost nothing here.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, Depth, InstrumentKey, Quality, Quote, Tick, UnixNanos};
use tickwire_signals::{
    Event, PlanChange, PriceValue, ReferenceChange, Signal, SignalValue, StreamId, Value,
};
use tickwire_streams::{Offset, Position, SourceName};

use crate::binary::Shape;
use crate::columns::{Numbers, time_unit};

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

/// Consecutive events of one source.
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    signals: Vec<PackedSignal>,
}

impl Shape for Segment {
    const NAME: &'static str = "a segment of the log";
    const VERSION: u8 = 1;
}

/// Ticks, a column a field; a bit of `present` says which optional fields follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Ticks {
    unit: i64,
    instrument: Vec<u32>,
    present: Vec<u16>,
    /// Exchange time less that of the tick before, in units.
    exchange: Vec<i64>,
    /// Receive time less exchange time, in units.
    receive: Vec<i64>,
    price: Numbers,
    size: Numbers,
    volume: Numbers,
    open_interest: Numbers,
    bid: Numbers,
    bid_size: Numbers,
    ask: Numbers,
    ask_size: Numbers,
    depth: Vec<Depth>,
}

const SIZE: u16 = 1;
const VOLUME: u16 = 1 << 1;
const OPEN_INTEREST: u16 = 1 << 2;
const BID: u16 = 1 << 3;
const BID_SIZE: u16 = 1 << 4;
const ASK: u16 = 1 << 5;
const ASK_SIZE: u16 = 1 << 6;
const MOCK: u16 = 1 << 7;
const STALE: u16 = 1 << 8;
const DEPTH: u16 = 1 << 9;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Other {
    Clock(UnixNanos),
    Plan(PlanChange),
    Reference(ReferenceChange),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PackedSignal {
    stream: StreamId,
    /// Segments back to the stream's previous signal, plus one; 0: there is none.
    back: u64,
    /// Index of the previous signal in its segment.
    index: u16,
    /// Place of the event that caused it.
    event: u32,
    mock: bool,
    value: PackedValue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum PackedValue {
    /// The causing tick's own.
    Price,
    Bar(Bar),
    Values(UnixNanos, Vec<Value>),
}

/// Takes the packed columns apart, one tick after the other.
struct Unpacked {
    columns: [std::vec::IntoIter<f64>; 8],
    depth: std::vec::IntoIter<Depth>,
    exchange: i64,
    at: usize,
}

impl Ticks {
    fn unpacked(&self) -> Unpacked {
        let columns = [
            &self.price,
            &self.size,
            &self.volume,
            &self.open_interest,
            &self.bid,
            &self.bid_size,
            &self.ask,
            &self.ask_size,
        ];
        Unpacked {
            columns: columns.map(|numbers| numbers.unpack().into_iter()),
            depth: self.depth.clone().into_iter(),
            exchange: 0,
            at: 0,
        }
    }

    fn pack(ticks: &[(u32, &Tick)]) -> Self {
        let unit = time_unit(
            ticks
                .iter()
                .flat_map(|(_, tick)| [tick.exchange_time.0, tick.receive_time.0]),
        );
        let mut packed = Self {
            unit,
            ..Self::default()
        };
        let mut before = 0;
        let mut columns: [Vec<f64>; 8] = Default::default();
        for (instrument, tick) in ticks {
            let exchange = tick.exchange_time.0 / unit;
            packed.instrument.push(*instrument);
            packed.exchange.push(exchange.wrapping_sub(before));
            packed
                .receive
                .push((tick.receive_time.0 / unit).wrapping_sub(exchange));
            before = exchange;
            columns[0].push(tick.price);
            let (bid, ask) = (tick.bid, tick.ask);
            let optional = [
                (SIZE, tick.size),
                (VOLUME, tick.volume),
                (OPEN_INTEREST, tick.open_interest),
                (BID, bid.map(|quote| quote.price)),
                (BID_SIZE, bid.and_then(|quote| quote.size)),
                (ASK, ask.map(|quote| quote.price)),
                (ASK_SIZE, ask.and_then(|quote| quote.size)),
            ];
            let mut present = match tick.quality {
                Quality::Live => 0,
                Quality::Mock => MOCK,
                Quality::Stale => STALE,
            };
            for (column, (bit, value)) in columns[1..].iter_mut().zip(optional) {
                if let Some(value) = value {
                    present |= bit;
                    column.push(value);
                }
            }
            if let Some(depth) = &tick.depth {
                present |= DEPTH;
                packed.depth.push((**depth).clone());
            }
            packed.present.push(present);
        }
        let [price, size, volume, open_interest, bid, bid_size, ask, ask_size] =
            columns.map(|c| Numbers::pack(&c));
        Self {
            price,
            size,
            volume,
            open_interest,
            bid,
            bid_size,
            ask,
            ask_size,
            ..packed
        }
    }

    fn next(&self, unpacked: &mut Unpacked) -> Option<Row> {
        let at = unpacked.at;
        unpacked.at += 1;
        let present = *self.present.get(at)?;
        unpacked.exchange = unpacked.exchange.wrapping_add(*self.exchange.get(at)?);
        let receive = unpacked.exchange.wrapping_add(*self.receive.get(at)?);
        let mut column = |index: usize, bit: u16| {
            if bit == 0 || present & bit != 0 {
                unpacked.columns[index].next()
            } else {
                None
            }
        };
        let price = PriceValue {
            price: column(0, 0)?,
            size: column(1, SIZE),
            volume: column(2, VOLUME),
            open_interest: column(3, OPEN_INTEREST),
            bid: column(4, BID),
            ask: column(6, ASK),
        };
        let (bid_size, ask_size) = (column(5, BID_SIZE), column(7, ASK_SIZE));
        Some(Row {
            instrument: *self.instrument.get(at)?,
            exchange_time: UnixNanos(unpacked.exchange.wrapping_mul(self.unit)),
            receive_time: UnixNanos(receive.wrapping_mul(self.unit)),
            price,
            bid_size,
            ask_size,
            depth: if present & DEPTH != 0 {
                unpacked.depth.next().map(Box::new)
            } else {
                None
            },
            quality: match present & (MOCK | STALE) {
                0 => Quality::Live,
                MOCK => Quality::Mock,
                _ => Quality::Stale,
            },
        })
    }
}

/// A tick but for the instrument's key, which the segment does not hold.
struct Row {
    instrument: u32,
    exchange_time: UnixNanos,
    receive_time: UnixNanos,
    price: PriceValue,
    bid_size: Option<f64>,
    ask_size: Option<f64>,
    depth: Option<Box<Depth>>,
    quality: Quality,
}

impl Row {
    fn into_tick(self, instrument: InstrumentKey) -> Tick {
        let quote = |price: Option<f64>, size| price.map(|price| Quote { price, size });
        Tick {
            instrument,
            exchange_time: self.exchange_time,
            receive_time: self.receive_time,
            price: self.price.price,
            size: self.price.size,
            volume: self.price.volume,
            open_interest: self.price.open_interest,
            bid: quote(self.price.bid, self.bid_size),
            ask: quote(self.price.ask, self.ask_size),
            depth: self.depth,
            quality: self.quality,
        }
    }
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
    /// gives the place of an instrument among those of the group, and
    /// `causes` the place of the event that caused each signal.
    ///
    /// What a signal shares with its cause is not stored: its source, its
    /// receive time (a clock event's is its time plus the lateness, that of a
    /// plan or reference event 0), and a price signal's exchange time and value.
    pub fn pack(
        mut self,
        number: u64,
        events: &[LoggedEvent],
        instrument: impl Fn(&InstrumentKey) -> u32,
        epochs: impl Fn(u32) -> u64,
        signals: &[Signal],
        causes: &[u32],
    ) -> Self {
        let mut ticks = Vec::new();
        for (place, logged) in events.iter().enumerate() {
            let LoggedEvent { source, seq, event } = logged;
            match event {
                Event::Tick(tick) => ticks.push((instrument(&tick.instrument), tick)),
                Event::Clock(time) => self.others.push((place as u32, Other::Clock(*time))),
                Event::Plan(change) => self.others.push((place as u32, Other::Plan(change.clone()))),
                Event::Reference(change) => {
                    self.others.push((place as u32, Other::Reference(change.clone())))
                }
            }
            match self.runs.last_mut() {
                Some(run)
                    if run.source == *source && run.seq.checked_add(u64::from(run.events)) == Some(*seq) =>
                {
                    run.events += 1
                }
                _ => self.runs.push(Run {
                    source: *source,
                    epoch: epochs(*source),
                    seq: *seq,
                    events: 1,
                }),
            }
        }
        self.ticks = Ticks::pack(&ticks);
        self.signals = signals
            .iter()
            .zip(causes)
            .map(|(signal, cause)| PackedSignal {
                stream: signal.stream,
                back: signal
                    .previous
                    .map_or(0, |previous| number - previous.segment() + 1),
                index: signal.previous.map_or(0, Offset::index),
                event: *cause,
                mock: signal.mock,
                value: match &signal.value {
                    SignalValue::Price(_) => PackedValue::Price,
                    SignalValue::Bar(bar) => PackedValue::Bar(*bar),
                    SignalValue::Values(values) => PackedValue::Values(signal.exchange_time, values.clone()),
                },
            })
            .collect();
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
        let mut unpacked = self.ticks.unpacked();
        let mut others = self.others.iter().peekable();
        let mut place = 0u32;
        for run in &self.runs {
            for nth in 0..run.events {
                let event = match others.next_if(|(at, _)| *at == place) {
                    Some((_, Other::Clock(time))) => Event::Clock(*time),
                    Some((_, Other::Plan(change))) => Event::Plan(change.clone()),
                    Some((_, Other::Reference(change))) => Event::Reference(change.clone()),
                    None => {
                        let Some(row) = self.ticks.next(&mut unpacked) else {
                            return false;
                        };
                        let Some(key) = instrument(state, row.instrument) else {
                            return false;
                        };
                        Event::Tick(row.into_tick(key))
                    }
                };
                each(
                    state,
                    LoggedEvent {
                        source: run.source,
                        seq: run.seq.wrapping_add(u64::from(nth)),
                        event,
                    },
                );
                place += 1;
            }
        }
        others.next().is_none() && unpacked.at == self.ticks.present.len()
    }

    /// The signals, with their offsets; needs no state.
    pub fn signals(&self, number: u64) -> Vec<Signal> {
        self.signals_where(number, |_| true)
    }

    /// The signals of the streams that `wanted` takes.
    pub fn signals_where(&self, number: u64, wanted: impl Fn(StreamId) -> bool) -> Vec<Signal> {
        if !self.signals.iter().any(|signal| wanted(signal.stream)) {
            return Vec::new();
        }
        let causes = self.causes();
        self.signals
            .iter()
            .enumerate()
            .filter(|(_, signal)| wanted(signal.stream))
            .filter_map(|(index, signal)| {
                let cause = causes.get(signal.event as usize)?;
                let previous = signal
                    .back
                    .checked_sub(1)
                    .map(|back| Offset::new(number.saturating_sub(back), signal.index));
                let (exchange_time, value) = match &signal.value {
                    PackedValue::Price => (cause.exchange, SignalValue::Price(cause.price?)),
                    PackedValue::Bar(bar) => (bar.end, SignalValue::Bar(*bar)),
                    PackedValue::Values(time, values) => (*time, SignalValue::Values(values.clone())),
                };
                Some(Signal {
                    stream: signal.stream,
                    offset: Offset::new(number, u16::try_from(index).ok()?),
                    previous,
                    exchange_time,
                    receive_time: cause.receive,
                    source: cause.source,
                    mock: signal.mock,
                    value,
                })
            })
            .collect()
    }

    /// What each event lends to the signals it caused.
    fn causes(&self) -> Vec<Cause> {
        let mut unpacked = self.ticks.unpacked();
        let mut others = self.others.iter().peekable();
        let mut causes = Vec::with_capacity(self.events_len());
        for run in &self.runs {
            for _ in 0..run.events {
                let place = causes.len() as u32;
                let cause = match others.next_if(|(at, _)| *at == place) {
                    Some((_, Other::Clock(time))) => {
                        let receive = time.saturating_add(tickwire_signals::LATENESS_NANOS);
                        Cause {
                            source: run.source,
                            exchange: *time,
                            receive,
                            price: None,
                        }
                    }
                    Some(_) => Cause {
                        source: run.source,
                        exchange: UnixNanos(0),
                        receive: UnixNanos(0),
                        price: None,
                    },
                    None => match self.ticks.next(&mut unpacked) {
                        Some(row) => Cause {
                            source: run.source,
                            exchange: row.exchange_time,
                            receive: row.receive_time,
                            price: Some(row.price),
                        },
                        None => return causes,
                    },
                };
                causes.push(cause);
            }
        }
        causes
    }
}

struct Cause {
    source: u32,
    exchange: UnixNanos,
    receive: UnixNanos,
    price: Option<PriceValue>,
}

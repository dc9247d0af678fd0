//! The engine: a pure function of state and event. It reads no clock and no
//! random number, so the same log gives the same signals, bit for bit.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, Calendar, InstrumentKey, Quality, Tick, TickRefusal, Timeframe, UnixNanos};
use tickwire_streams::{InstrumentStream, Offset, StreamKey};

use crate::chain::{ChainTermsError, Valuation};
use crate::event::{Event, PlanChange, ReferenceChange, Seed};
use crate::expression::{Expression, ExpressionError};
use crate::graph::{Graph, GraphInput, Place};
use crate::instrument::{Instrument, Took, bar_day};
use crate::value::{PriceValue, SignalValue};

mod bars;
mod options;
mod plan;

pub use bars::CORRECTABLE_NANOS;
pub(crate) use options::{Booked, ChainState, Chains};

/// Version of the arithmetic. Equal bits are promised within one version only,
/// and a consumer never folds a log written by a greater one.
pub const ENGINE_VERSION: u32 = 5;

/// How long a bar stays open for late ticks after its end.
pub const LATENESS_NANOS: i64 = 2 * UnixNanos::PER_SECOND;
/// Instruments in one group.
pub const INSTRUMENTS_PER_GROUP_MAX: usize = 8_192;
/// Streams in one group, ended ones included.
pub const STREAMS_PER_GROUP_MAX: usize = 4_096;
/// Distinct sub-expressions of one instrument and timeframe.
pub const NODES_PER_GRAPH_MAX: usize = 4_096;
/// Nodes of all personal streams of one user in one group, shared ones counted each time.
pub const NODES_PER_USER_MAX: usize = 2_048;
/// Bars that all personal streams of one user in one group hold.
pub const HELD_BARS_PER_USER_MAX: usize = 400_000;

/// A signal's stream within its group: its place in the plan.
pub type StreamId = u32;

/// One value of one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Which stream.
    pub stream: StreamId,
    /// Its place in the log.
    pub offset: Offset,
    /// Offset of the stream's signal before it.
    pub previous: Option<Offset>,
    /// When it happened, by the exchange: a tick's time, a bar's end.
    pub exchange_time: UnixNanos,
    /// When the sender received the event that caused it.
    pub receive_time: UnixNanos,
    /// Source of that event: its place among the sources of the segment.
    pub source: u32,
    /// Made up by a simulation.
    pub mock: bool,
    /// The value.
    pub value: SignalValue,
}

/// A closed bar that is to be stored, as traded: splits that came after it are
/// for the reader to apply (see [`crate::adjust`]).
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedBar {
    /// Which instrument.
    pub instrument: InstrumentKey,
    /// Of which length.
    pub timeframe: Timeframe,
    /// The bar.
    pub bar: Bar,
}

/// What a stretch of folding gives, and what it needs to know of the segment
/// it writes.
#[derive(Clone, Debug)]
pub struct Fold {
    /// Number of the segment that is being written.
    pub segment: u64,
    /// Version of the engine that writes it, or wrote it when it is read.
    pub engine_version: u32,
    /// Source of the event being folded, by its place in the segment.
    pub source: u32,
    /// When the sender received the event being folded.
    pub receive_time: UnixNanos,
    /// Signals so far, in order.
    pub signals: Vec<Signal>,
    /// What the values of options among them were computed from: place of the signal in
    /// [`signals`](Self::signals), ascending.
    pub valuations: Vec<(u32, Valuation)>,
    /// Closed bars so far, in order.
    pub bars: Vec<ClosedBar>,
    /// The set of streams changed.
    pub plan_changed: bool,
}

impl Fold {
    /// An empty one for segment `segment`.
    pub fn new(segment: u64) -> Self {
        Self::of(segment, ENGINE_VERSION)
    }

    /// An empty one for segment `segment`, as an engine of `engine_version` folds it.
    pub fn of(segment: u64, engine_version: u32) -> Self {
        Self {
            segment,
            engine_version,
            source: 0,
            receive_time: UnixNanos(0),
            signals: Vec::new(),
            valuations: Vec::new(),
            bars: Vec::new(),
            plan_changed: false,
        }
    }
}

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It changed the state: it belongs in the log.
    Changed,
    /// It changed nothing, and nothing of it is to be kept.
    Unchanged,
}

/// Why an event was set aside. The state is as before.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A bad tick.
    #[error(transparent)]
    Tick(#[from] TickRefusal),
    /// The stream's instrument does not belong to this group, or is not known.
    #[error("instrument {0} is not known: send a reference event for it first")]
    UnknownInstrument(InstrumentKey),
    /// The expression is not one.
    #[error("{0}")]
    Expression(#[from] ExpressionError),
    /// The expression is not in canonical form.
    #[error("expression {found:?} is written {canonical:?}")]
    NotCanonical {
        /// As it stood in the key.
        found: String,
        /// As it should be.
        canonical: String,
    },
    /// A split's ratio is not positive and finite.
    #[error("split ratio {0} is not positive")]
    SplitRatio(f64),
    /// The expression names an instrument that the group does not have.
    #[error("instrument {0} is not in this group: an expression reaches the instruments of its group only")]
    OtherGroup(InstrumentKey),
    /// What was told of a chain cannot be.
    #[error("{0}")]
    ChainTerms(#[from] ChainTermsError),
    /// Full.
    #[error("a group holds at most {0}")]
    Full(&'static str),
    /// The user has too much already.
    #[error("a user's personal streams of one group hold at most {0}: remove one first")]
    UserFull(&'static str),
}

impl Refusal {
    /// The stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tick(refusal) => refusal.code(),
            Self::UnknownInstrument(_) => "unknown_instrument",
            Self::Expression(_) => "expression_invalid",
            Self::NotCanonical { .. } => "expression_not_canonical",
            Self::SplitRatio(_) => "split_ratio_invalid",
            Self::OtherGroup(_) => "other_group",
            Self::ChainTerms(_) => "chain_terms_invalid",
            Self::Full(_) => "group_full",
            Self::UserFull(_) => "user_full",
        }
    }
}

/// The newest signal of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    /// Its offset.
    pub offset: Offset,
    /// Its exchange time.
    pub exchange_time: UnixNanos,
    /// Its receive time.
    pub receive_time: UnixNanos,
    /// Made up by a simulation.
    pub mock: bool,
    /// Its value.
    pub value: SignalValue,
}

/// A stream of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// Its key.
    pub key: StreamKey,
    /// Place of its instrument.
    pub(crate) instrument: u32,
    /// Ended: computed no longer.
    pub ended: bool,
    /// Its newest signal.
    pub latest: Option<Latest>,
}

/// The state of a group.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) by_key: FxHashMap<InstrumentKey, u32>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) by_stream: FxHashMap<StreamKey, StreamId>,
    pub(crate) header: Header,
    /// Earliest end of a forming bar; derived.
    pub(crate) next_end: Option<UnixNanos>,
    pub(crate) dirty: Vec<bool>,
    pub(crate) graph: Graph,
    /// Chains of options; derived.
    pub(crate) chains: Chains,
}

/// What is not of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Bars that end by this time are closed.
    pub(crate) watermark: Option<UnixNanos>,
    pub(crate) plan_version: u64,
    pub(crate) counters: Counters,
}

/// Counts of what the engine took and set aside, over the group's whole log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Ticks folded.
    pub ticks: u64,
    /// Ticks that came when their bar was settled: they are in the price
    /// stream, and in no bar.
    pub late: u64,
    /// Ticks outside any session: they are in the price stream, and in no bar.
    pub outside_session: u64,
    /// Signals given.
    pub signals: u64,
    /// Bars closed, of all timeframes.
    pub bars: u64,
}

impl Engine {
    /// The state before the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Version of the plan: raised by every stream added or removed.
    pub fn plan_version(&self) -> u64 {
        self.header.plan_version
    }

    /// Counts since the group began.
    pub fn counters(&self) -> Counters {
        self.header.counters
    }

    /// Streams by id, ended ones included.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The id of a stream that is being computed.
    pub fn stream_id(&self, key: &StreamKey) -> Option<StreamId> {
        self.by_stream.get(key).copied()
    }

    /// Instruments known, in order of their first reference event.
    pub fn instruments(&self) -> impl Iterator<Item = &InstrumentKey> {
        self.instruments.iter().map(|instrument| &instrument.known.key)
    }

    /// The instrument at a place in that order.
    pub fn instrument_at(&self, place: u32) -> Option<&InstrumentKey> {
        self.instruments
            .get(place as usize)
            .map(|instrument| &instrument.known.key)
    }

    /// The place of an instrument in that order.
    pub fn place_of(&self, instrument: &InstrumentKey) -> Option<u32> {
        self.by_key.get(instrument).copied()
    }

    /// The trading hours of an instrument, if it is known.
    pub fn calendar(&self, instrument: &InstrumentKey) -> Option<Calendar> {
        self.by_key
            .get(instrument)
            .map(|index| self.instruments[*index as usize].known.calendar)
    }

    /// Splits of an instrument: time and ratio, in order of time.
    pub fn splits(&self, instrument: &InstrumentKey) -> &[(UnixNanos, f64)] {
        self.by_key
            .get(instrument)
            .map_or(&[], |index| &self.instruments[*index as usize].known.splits)
    }

    /// Exchange time of the instrument's newest tick.
    pub fn last_tick(&self, instrument: &InstrumentKey) -> Option<UnixNanos> {
        self.by_key
            .get(instrument)
            .and_then(|index| self.instruments[*index as usize].known.last_tick)
    }

    /// Bars that end by this time are closed.
    pub fn watermark(&self) -> Option<UnixNanos> {
        self.header.watermark
    }

    /// Folds one event. On a refusal the state is as before.
    pub fn fold(&mut self, event: &Event, fold: &mut Fold) -> Result<Folded, Refusal> {
        match event {
            Event::Tick(tick) => {
                self.ready_chains();
                fold.receive_time = tick.receive_time;
                self.fold_tick(tick, fold)
            }
            Event::Clock(time) => {
                self.ready_chains();
                Ok(self.fold_clock(*time, fold))
            }
            Event::Plan(PlanChange::Add { stream, warm_up }) => {
                let own = Seed {
                    instrument: stream.stream.instrument.clone(),
                    timeframe: stream.stream.timeframe,
                    warm_up: warm_up.clone(),
                };
                self.add_stream(stream, &[own], fold)
            }
            Event::Plan(PlanChange::AddSeeded { stream, seeds }) => self.add_stream(stream, seeds, fold),
            Event::Plan(PlanChange::Remove { stream }) => Ok(self.remove_stream(stream, fold)),
            Event::Reference(ReferenceChange::Instrument {
                instrument,
                calendar,
                tick_size,
            }) => self.refer(instrument, *calendar, *tick_size),
            Event::Reference(ReferenceChange::Split {
                instrument,
                ratio,
                at,
                warm_up,
            }) => self.split(instrument, *ratio, *at, warm_up),
            Event::Reference(ReferenceChange::Chain { underlying, terms }) => {
                self.set_chain(underlying, terms, fold)
            }
        }
    }

    fn fold_tick(&mut self, tick: &Tick, fold: &mut Fold) -> Result<Folded, Refusal> {
        tick.check()?;
        let index = *self
            .by_key
            .get(&tick.instrument)
            .ok_or(TickRefusal::UnknownInstrument)?;
        let time = tick.exchange_time;
        let session = self.instruments[index as usize]
            .session_at(time)
            .map_err(|_| Refusal::Tick(TickRefusal::OutsideCalendar))?;
        self.advance(time.saturating_add(-LATENESS_NANOS), fold);

        self.dirty[index as usize] = true;
        self.header.counters.ticks += 1;
        let known = &mut self.instruments[index as usize].known;
        known.mock = tick.quality == Quality::Mock;
        known.last_tick = Some(known.last_tick.map_or(time, |last| last.max(time)));
        match session {
            None => self.header.counters.outside_session += 1,
            Some(session) => {
                let settled = self.settled(fold);
                let watermark = self.header.watermark.unwrap_or(UnixNanos(i64::MIN));
                let instrument = &mut self.instruments[index as usize];
                match instrument.fold(tick, &session, watermark, settled) {
                    Took::Late => self.header.counters.late += 1,
                    Took::Open(end) => self.expect_end(end),
                    Took::Corrected(start) => self.correct(index, start, fold),
                }
            }
        }
        let instrument = &self.instruments[index as usize];
        if let Some(stream) = instrument.price_stream {
            let value = SignalValue::Price(PriceValue::of(tick));
            let mock = instrument.known.mock;
            self.emit(stream, time, mock, value, fold);
        }
        if let Some(session) = session {
            self.value_options(index, tick, bar_day(&session), fold);
            let place = Place::bars(index, Timeframe::TICK);
            let instrument = &self.instruments[index as usize];
            if instrument.frame_of(Timeframe::TICK).is_none() {
                return Ok(Folded::Changed);
            }
            let bar = Bar {
                start: time,
                end: time,
                open: tick.price,
                high: tick.price,
                low: tick.price,
                close: tick.price,
                volume: tick.size,
                open_interest: tick.open_interest,
                ticks: 1,
            };
            let input = GraphInput {
                bar: instrument.in_shares_of_today(&bar),
                session_day: bar_day(&session),
                quote: (
                    tick.bid.map(|quote| quote.price),
                    tick.ask.map(|quote| quote.price),
                ),
            };
            self.graph.close_one(place, &input);
            self.emit_all(place, &input.bar, fold);
        }
        Ok(Folded::Changed)
    }

    fn emit_all(&mut self, place: Place, bar: &Bar, fold: &mut Fold) {
        let instrument = &self.instruments[place.instrument as usize];
        let Some(frame) = instrument.frame_of(place.timeframe) else {
            return;
        };
        let (mock, time) = (instrument.known.mock, bar.end);
        let bars_stream = frame.bars_stream;
        let values: Vec<(StreamId, SignalValue)> = frame
            .taps
            .iter()
            .filter(|(_, _, tap)| !self.graph.is_of_options(*tap))
            .map(|(stream, _, tap)| (*stream, SignalValue::Values(self.graph.read(*tap).to_vec())))
            .collect();
        if let Some(stream) = bars_stream {
            self.emit(stream, time, mock, SignalValue::Bar(*bar), fold);
        }
        for (stream, value) in values {
            self.emit(stream, time, mock, value, fold);
        }
    }

    /// Tells of what is computed when the options of an instrument are valued. `valuation` is
    /// what the instrument's own Greeks were computed from, if it has any.
    fn emit_options(&mut self, index: u32, time: UnixNanos, valuation: Option<&Valuation>, fold: &mut Fold) {
        let instrument = &self.instruments[index as usize];
        let Some(frame) = instrument.frame_of(Timeframe::TICK) else {
            return;
        };
        let mock = instrument.known.mock;
        let of_options = frame
            .taps
            .iter()
            .filter(|(_, _, tap)| self.graph.is_of_options(*tap));
        let values: Vec<(StreamId, SignalValue)> = of_options
            .map(|(stream, _, tap)| (*stream, SignalValue::Values(self.graph.read(*tap).to_vec())))
            .collect();
        for (stream, value) in values {
            if let Some(valuation) = valuation {
                fold.valuations
                    .push((fold.signals.len() as u32, valuation.clone()));
            }
            self.emit(stream, time, mock, value, fold);
        }
    }

    fn emit(&mut self, stream: StreamId, time: UnixNanos, mock: bool, value: SignalValue, fold: &mut Fold) {
        let state = &mut self.streams[stream as usize];
        // Segments are cut long before the index runs out; see the cut in `shared/service`.
        let index = u16::try_from(fold.signals.len()).unwrap_or(u16::MAX);
        let offset = Offset::new(fold.segment, index);
        let previous = state.latest.as_ref().map(|latest| latest.offset);
        let receive_time = fold.receive_time;
        state.latest = Some(Latest {
            offset,
            exchange_time: time,
            receive_time,
            mock,
            value: value.clone(),
        });
        self.header.counters.signals += 1;
        fold.signals.push(Signal {
            stream,
            offset,
            previous,
            exchange_time: time,
            receive_time,
            source: fold.source,
            mock,
            value,
        });
    }
}

/// Names of what a stream's expression yields; none for `price` and `bars`, which are no expressions
/// and whose values name themselves.
pub fn outputs_of(expression: &str) -> Vec<&'static str> {
    match expression {
        "price" | "bars" => Vec::new(),
        text => Expression::parse(text).map_or_else(|_| Vec::new(), |parsed| parsed.outputs()),
    }
}

/// The expression, if it is one, in canonical form, and can be computed on bars of `timeframe`.
///
/// # Errors
/// When it is not.
pub fn checked_on(text: &str, timeframe: Timeframe) -> Result<Expression, Refusal> {
    let expression = checked(text)?;
    expression.check_on(timeframe)?;
    Ok(expression)
}

/// The expression of a stream, if it is one, in canonical form, and can be computed on the
/// stream's instrument and timeframe.
///
/// # Errors
/// When it is not.
pub fn checked_for(stream: &InstrumentStream) -> Result<Expression, Refusal> {
    let expression = checked_on(&stream.expression, stream.timeframe)?;
    expression.check_of(&stream.instrument)?;
    Ok(expression)
}

/// The expression, if it is one and in canonical form.
///
/// # Errors
/// When it is not.
pub fn checked(text: &str) -> Result<Expression, Refusal> {
    let expression = Expression::parse(text)?;
    let canonical = expression.to_string();
    if canonical == text {
        Ok(expression)
    } else {
        Err(Refusal::NotCanonical {
            found: text.to_owned(),
            canonical,
        })
    }
}

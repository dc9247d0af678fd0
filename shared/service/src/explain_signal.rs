//! Explain: folds the log again up to one signal, and shows from what it came.

use std::sync::Arc;

use jiff::civil::Date;
use tickwire_market::{Bar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_options::Conditions;
use tickwire_signals::{
    Event, Expression, Fold, PlanChange, Refusal, Signal, SignalValue, StreamId, Valuation, Value, WarmUp,
};
use tickwire_streams::{GroupKey, Offset, StreamKey};
use tickwire_wire::{BinaryError, LoggedEvent, Segment, decode};

use crate::group::GroupState;
use crate::load_group::{LoadError, check_follows, newest_checkpoint};
use crate::ports::{Checkpoints, Log, PortError};

/// Bytes of log read in one call.
const READ_BYTES: usize = 1_048_576;

/// What explain needs from the world.
#[derive(Clone)]
pub struct ExplainPorts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
}

/// Why a signal could not be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Store or log.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A stored shape.
    #[error("failed to read the log: {0}")]
    Binary(#[from] BinaryError),
    /// No such segment.
    #[error("group {group} has no segment {segment}: its log ends at {head}")]
    NoSegment {
        /// Which group.
        group: GroupKey,
        /// The segment of the offset.
        segment: u64,
        /// The last one there is.
        head: u64,
    },
    /// No such signal.
    #[error("offset {offset} is not a signal of {stream}{hint}")]
    NoSignal {
        /// The offset asked for.
        offset: Offset,
        /// The stream asked for.
        stream: StreamKey,
        /// What is there, or near.
        hint: String,
    },
}

impl From<PortError> for ExplainError {
    fn from(error: PortError) -> Self {
        Self::Load(error.into())
    }
}

/// From what a signal came.
#[derive(Debug)]
pub struct Explanation {
    /// Its group.
    pub group: GroupKey,
    /// Segment of the checkpoint that the folding began at (0: the empty state).
    pub checkpoint: u64,
    /// Segments folded from there on, its own included.
    pub segments: u64,
    /// Events folded.
    pub events: u64,
    /// Version of the engine that wrote it.
    pub engine_version: u32,
    /// When its segment was committed.
    pub committed_at: UnixNanos,
    /// Name of the source of the event that caused it.
    pub source: String,
    /// That event, with its sequence number.
    pub cause: LoggedEvent,
    /// The bar it was computed on, if it was computed on one.
    pub bar: Option<Bar>,
    /// Of an option's stream: what its Greeks were computed from.
    pub valuation: Option<Valuation>,
    /// Of an underlying's stream that reads its chain: what each expiry was valued with.
    pub expiries: Vec<(Date, Conditions)>,
    /// The signal as it stands in the log.
    pub stored: Signal,
    /// The same signal, folded again.
    pub folded: Signal,
    /// Whether both are the same to the bit.
    pub bits_equal: bool,
}

/// Whether two signals are the same to the bit.
pub fn same_bits(a: &Signal, b: &Signal) -> bool {
    let bar_bits = |bar: &Bar| {
        (
            [bar.open, bar.high, bar.low, bar.close].map(f64::to_bits),
            bar.volume.map(f64::to_bits),
            bar.open_interest.map(f64::to_bits),
            (bar.start, bar.end, bar.ticks),
        )
    };
    let values = match (&a.value, &b.value) {
        (SignalValue::Values(a), SignalValue::Values(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b): (&Value, &Value)| a.same_bits(b))
        }
        (SignalValue::Bar(a), SignalValue::Bar(b))
        | (SignalValue::CorrectedBar(a), SignalValue::CorrectedBar(b)) => bar_bits(a) == bar_bits(b),
        (SignalValue::Price(a), SignalValue::Price(b)) => {
            let bits = |price: &tickwire_signals::PriceValue| {
                let optional = [
                    price.size,
                    price.volume,
                    price.open_interest,
                    price.bid,
                    price.ask,
                ];
                (
                    price.price.to_bits(),
                    optional.map(|value| value.map(f64::to_bits)),
                )
            };
            bits(a) == bits(b)
        }
        _ => false,
    };
    values
        && (
            a.stream,
            a.offset,
            a.previous,
            a.exchange_time,
            a.receive_time,
            a.mock,
        ) == (
            b.stream,
            b.offset,
            b.previous,
            b.exchange_time,
            b.receive_time,
            b.mock,
        )
}

/// What folding one segment gives.
struct Folded<'a> {
    state: &'a mut GroupState,
    fold: Fold,
    /// Place of the event that caused each signal.
    causes: Vec<usize>,
    events: Vec<LoggedEvent>,
    /// Of the chain of the instrument asked for, when the signal asked for was told.
    expiries: Option<Vec<(Date, Conditions)>>,
    refusal: Option<Refusal>,
}

/// Folds one segment, and looks at the chain of `underlying` when signal `index` is told.
fn fold_segment<'a>(
    state: &'a mut GroupState,
    number: u64,
    segment: &Segment,
    (index, underlying): (usize, &InstrumentKey),
) -> Option<Folded<'a>> {
    let mut pass = Folded {
        state,
        fold: Fold::of(number, segment.engine_version),
        causes: Vec::new(),
        events: Vec::new(),
        expiries: None,
        refusal: None,
    };
    let whole = segment.for_each_event(
        &mut pass,
        |pass, place| pass.state.engine.instrument_at(place).cloned(),
        |pass, logged| {
            pass.fold.source = logged.source;
            if let Err(refusal) = pass.state.engine.fold(&logged.event, &mut pass.fold) {
                pass.refusal = Some(refusal);
            }
            if pass.expiries.is_none() && pass.fold.signals.len() > index {
                pass.expiries = Some(pass.state.engine.chain_conditions(underlying));
            }
            pass.causes.resize(pass.fold.signals.len(), pass.events.len());
            pass.events.push(logged);
        },
    );
    (whole && pass.refusal.is_none()).then_some(pass)
}

/// Explains the signal of `stream` at `offset`.
///
/// # Errors
/// When there is no such signal, or the log cannot be read.
pub async fn explain(
    ports: &ExplainPorts,
    group: &GroupKey,
    stream: &StreamKey,
    offset: Offset,
) -> Result<Explanation, ExplainError> {
    let number = offset.segment();
    let head = ports.log.head(group).await?;
    if number == 0 || number > head {
        return Err(ExplainError::NoSegment {
            group: group.clone(),
            segment: number,
            head,
        });
    }
    let found = newest_checkpoint(&*ports.checkpoints, group, number - 1).await?;
    let mut state = found.map_or_else(GroupState::default, |(_, state)| state);
    let checkpoint = state.segment;
    let mut events = 0;
    loop {
        let next = state.segment + 1;
        for stored in ports.log.read(group, next, READ_BYTES).await? {
            check_follows(state.segment, stored.number)?;
            let segment: Segment = decode(&stored.bytes)?;
            events += segment.events_len() as u64;
            if stored.number < number {
                state.apply(stored.number, &segment).map_err(LoadError::from)?;
                continue;
            }
            return finish(state, group, stream, offset, &segment, (checkpoint, events));
        }
        if state.segment + 1 == next {
            return Err(LoadError::Hole {
                found: 0,
                expected: next,
            }
            .into());
        }
    }
}

fn finish(
    mut state: GroupState,
    group: &GroupKey,
    stream: &StreamKey,
    offset: Offset,
    segment: &Segment,
    (checkpoint, events): (u64, u64),
) -> Result<Explanation, ExplainError> {
    let number = offset.segment();
    // A copy that also tells the bar: folding is the same with one stream more.
    let copy: Vec<Vec<u8>> = (0..state.engine.cells())
        .map(|cell| state.engine.export_cell(cell))
        .collect();
    let with_bars = tickwire_signals::Engine::restore(&state.engine.export_head(), &copy).ok();
    let parity = || {
        LoadError::from(crate::group::ApplyError::Parity {
            segment: number,
            what: "an event is refused",
        })
    };
    let stored = segment.signals(number);
    let index = usize::from(offset.index());
    let asked = (index, &stream.stream.instrument);
    let Folded {
        fold,
        causes,
        events: logged,
        expiries,
        ..
    } = fold_segment(&mut state, number, segment, asked).ok_or_else(parity)?;
    let (Some(stored_signal), Some(folded), Some(cause)) =
        (stored.get(index), fold.signals.get(index), causes.get(index))
    else {
        let hint = format!(": segment {number} has {} signals", stored.len());
        return Err(ExplainError::NoSignal {
            offset,
            stream: stream.clone(),
            hint,
        });
    };
    let other = state.engine.streams().get(stored_signal.stream as usize);
    if other.is_none_or(|other| other.key != *stream) {
        let hint = other.map_or_else(String::new, |other| format!(": it is one of {}", other.key));
        return Err(ExplainError::NoSignal {
            offset,
            stream: stream.clone(),
            hint,
        });
    }
    let bar = match &stored_signal.value {
        SignalValue::Bar(bar) | SignalValue::CorrectedBar(bar) => Some(*bar),
        SignalValue::Price(_) => None,
        SignalValue::Values(_) => {
            with_bars.and_then(|engine| bar_behind(engine, stream, stored_signal, number, segment))
        }
    };
    let cause = logged[*cause].clone();
    let valuation = fold
        .valuations
        .iter()
        .find(|(place, _)| *place as usize == index)
        .map(|(_, valuation)| valuation.clone());
    let reads_chain = stream.stream.timeframe == Timeframe::TICK
        && Expression::parse(&stream.stream.expression).is_ok_and(|expression| expression.reads_chain());
    Ok(Explanation {
        group: group.clone(),
        checkpoint,
        segments: number - checkpoint,
        events,
        engine_version: segment.engine_version,
        committed_at: segment.committed_at,
        source: segment
            .sources
            .get(cause.source as usize)
            .map_or_else(String::new, |row| row.name.to_string()),
        cause,
        bar,
        valuation,
        expiries: expiries.filter(|_| reads_chain).unwrap_or_default(),
        bits_equal: same_bits(stored_signal, folded),
        stored: stored_signal.clone(),
        folded: folded.clone(),
    })
}

/// The bar on which a signal of an expression was computed.
fn bar_behind(
    engine: tickwire_signals::Engine,
    stream: &StreamKey,
    signal: &Signal,
    number: u64,
    segment: &Segment,
) -> Option<Bar> {
    struct Pass {
        engine: tickwire_signals::Engine,
        fold: Fold,
        bars: StreamKey,
        id: Option<StreamId>,
    }
    impl Pass {
        /// Adds the stream of bars once the explained one is there: it then finds
        /// the same forming bar.
        fn watch(&mut self, stream: &StreamKey) {
            if self.id.is_none() && self.engine.stream_id(stream).is_some() {
                let add = PlanChange::Add {
                    stream: self.bars.clone(),
                    warm_up: WarmUp::default(),
                };
                let _ = self.engine.fold(&Event::Plan(add), &mut self.fold);
                self.id = self.engine.stream_id(&self.bars);
            }
        }
    }
    stream.stream.timeframe.as_minutes()?;
    let bars = StreamKey::bars(stream.stream.instrument.clone(), stream.stream.timeframe);
    let mut pass = Pass {
        engine,
        fold: Fold::of(number, segment.engine_version),
        bars,
        id: None,
    };
    pass.watch(stream);
    segment.for_each_event(
        &mut pass,
        |pass, place| pass.engine.instrument_at(place).cloned(),
        |pass, logged| {
            let _ = pass.engine.fold(&logged.event, &mut pass.fold);
            pass.watch(stream);
        },
    );
    pass.fold.signals.iter().find_map(|other| match &other.value {
        SignalValue::Bar(bar) if Some(other.stream) == pass.id && bar.end == signal.exchange_time => {
            Some(*bar)
        }
        _ => None,
    })
}

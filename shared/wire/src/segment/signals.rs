//! The signals of a segment, a column a field.

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;
use tickwire_signals::{Absence, PriceValue, Signal, SignalValue, StreamId, Valuation, Value};
use tickwire_streams::Offset;

use super::bars::Bars;
use super::greeks::{Greeks, GreeksWriter};
use crate::columns::{Integers, Numbers, Runs, Times};

/// Signals without what they share with their causes; a price signal has no
/// value of its own at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Signals {
    count: u32,
    /// Less that of the signal before, where one event caused both.
    stream: Integers,
    /// Place among [`Kind::ALL`].
    kind: Integers,
    mock: Runs<bool>,
    /// Place of the event that caused it, less that of the signal before.
    event: Integers,
    /// Segments back to the stream's previous signal, plus one; 0: there is none.
    back: Integers,
    /// Index of the previous signal in its segment.
    index: Integers,
    bars: Option<Bars>,
    values: Option<Values>,
    greeks: Option<Greeks>,
}

/// As segments of version 1 have them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SignalsBefore {
    /// The one column that knows how many signals there are.
    stream: Vec<StreamId>,
    kind: Runs<Kind>,
    mock: Runs<bool>,
    event: Integers,
    back: Integers,
    index: Integers,
    bars: Option<Bars>,
    values: Option<Values>,
}

impl From<SignalsBefore> for Signals {
    fn from(before: SignalsBefore) -> Self {
        let kinds: Vec<i64> = before.kind.reader().map(|kind| kind as i64).collect();
        Self {
            count: before.stream.len() as u32,
            stream: streams(before.stream.iter().copied().zip(before.event.reader())),
            kind: Integers::pack(&kinds),
            mock: before.mock,
            event: before.event,
            back: before.back,
            index: before.index,
            bars: before.bars,
            values: before.values,
            greeks: None,
        }
    }
}

/// The column of streams, each with the events between its cause and that of the signal before.
fn streams(of_signals: impl Iterator<Item = (StreamId, i64)>) -> Integers {
    let mut before = 0;
    let less: Vec<i64> = of_signals
        .map(|(stream, events)| {
            let stream = i64::from(stream);
            let beside = if events == 0 { before } else { 0 };
            before = stream;
            stream - beside
        })
        .collect();
    Integers::pack(&less)
}

/// The signals of a segment, and what they come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caused<'a> {
    /// In order.
    pub signals: &'a [Signal],
    /// Place of the event that caused each.
    pub causes: &'a [u32],
    /// What those that tell Greeks of an option were computed from: place of the signal, ascending.
    pub valuations: &'a [(u32, Valuation)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// The causing tick's own.
    Price,
    Bar,
    Values,
    /// Those of an option, by what they were computed from.
    Greeks,
    CorrectedBar,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Price,
        Self::Bar,
        Self::Values,
        Self::Greeks,
        Self::CorrectedBar,
    ];
}

/// Outputs of expressions, each list with the exchange time of its cause beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Values {
    time: Times,
    /// Outputs of a signal.
    count: Integers,
    /// The one column that knows how many outputs there are.
    output: Vec<Output>,
    numbers: Numbers,
}

/// An output but for its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Output {
    Number,
    Truth(bool),
    Absent(Absence),
}

/// What an event lends to the signals it caused.
#[derive(Clone, Copy)]
pub(super) struct Cause {
    pub(super) source: u32,
    pub(super) exchange_time: UnixNanos,
    pub(super) receive_time: UnixNanos,
    pub(super) price: Option<PriceValue>,
}

/// The event before the first.
const NO_EVENT: i64 = -1;

impl Signals {
    /// `events` has each event's exchange time, and of a tick the price to value an option with.
    pub(super) fn pack(number: u64, caused: &Caused<'_>, events: &[(i64, Option<f64>)]) -> Self {
        let mut packed = Self::default();
        let mut greeks = GreeksWriter::default();
        let mut valuations = caused.valuations.iter().peekable();
        let (mut event, mut back, mut index, mut kind) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut bars, mut bars_caused) = (Vec::new(), Vec::new());
        let (mut values, mut values_caused) = (Vec::new(), Vec::new());
        let mut event_before = NO_EVENT;
        for (place, (signal, cause)) in (0u32..).zip(caused.signals.iter().zip(caused.causes)) {
            packed.mock.push(signal.mock);
            event.push(i64::from(*cause) - event_before);
            event_before = i64::from(*cause);
            let (caused, own_price) = events.get(*cause as usize).copied().unwrap_or_default();
            let valuation = valuations.next_if(|(of, _)| *of == place);
            let (segments, place) = signal.previous.map_or((0, 0), |previous| {
                (
                    number.wrapping_sub(previous.segment()).wrapping_add(1),
                    previous.index(),
                )
            });
            back.push(segments as i64);
            index.push(i64::from(place));
            let of_kind = match &signal.value {
                SignalValue::Price(_) => Kind::Price,
                SignalValue::Bar(bar) | SignalValue::CorrectedBar(bar) => {
                    bars.push(*bar);
                    bars_caused.push(caused);
                    match signal.value {
                        SignalValue::CorrectedBar(_) => Kind::CorrectedBar,
                        _ => Kind::Bar,
                    }
                }
                SignalValue::Values(outputs)
                    if valuation.is_some_and(|(_, valuation)| {
                        greeks.take(valuation, outputs, (signal.exchange_time.0, caused), own_price)
                    }) =>
                {
                    Kind::Greeks
                }
                SignalValue::Values(outputs) => {
                    values.push((signal.exchange_time.0, outputs.as_slice()));
                    values_caused.push(caused);
                    Kind::Values
                }
            };
            kind.push(of_kind as i64);
        }
        let of_streams = caused.signals.iter().map(|signal| signal.stream);
        Self {
            count: event.len() as u32,
            stream: streams(of_streams.zip(event.iter().copied())),
            kind: Integers::pack(&kind),
            event: Integers::pack(&event),
            back: Integers::pack(&back),
            index: Integers::pack(&index),
            bars: (!bars.is_empty()).then(|| Bars::pack(&bars, &bars_caused)),
            values: (!values.is_empty()).then(|| Values::pack(&values, &values_caused)),
            greeks: greeks.finish(),
            ..packed
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn any(&self, wanted: impl Fn(StreamId) -> bool) -> bool {
        self.streams().any(wanted)
    }

    fn streams(&self) -> impl Iterator<Item = StreamId> {
        let columns = self.stream.reader().zip(self.event.reader());
        let mut before = 0i64;
        columns.take(self.len()).map_while(move |(less, events)| {
            let beside = if events == 0 { before } else { 0 };
            before = beside.wrapping_add(less);
            StreamId::try_from(before).ok()
        })
    }

    /// The signals of the streams that `wanted` takes; ends early where the
    /// columns do not fit together.
    pub(super) fn unpack(
        &self,
        number: u64,
        causes: &[Cause],
        wanted: impl Fn(StreamId) -> bool,
    ) -> Vec<Signal> {
        let mut event_before = NO_EVENT;
        let (mut event, mut back, mut index) = (self.event.reader(), self.back.reader(), self.index.reader());
        let mut bars = self.bars.as_ref().map(Bars::reader);
        let mut values = self.values.as_ref().map(Values::reader);
        let mut greeks = self.greeks.as_ref().map(Greeks::reader);
        let columns = self.streams().zip(self.kind.reader()).zip(self.mock.reader());
        let mut signal = |place: usize, stream: StreamId, kind: i64, mock: bool| {
            event_before = event_before.wrapping_add(event.next()?);
            let cause = causes.get(usize::try_from(event_before).ok()?)?;
            let (back, index) = (back.next()? as u64, u16::try_from(index.next()?).ok()?);
            let (exchange_time, value) = match Kind::ALL.get(usize::try_from(kind).ok()?)? {
                Kind::Price => (cause.exchange_time, SignalValue::Price(cause.price?)),
                kind @ (Kind::Bar | Kind::CorrectedBar) => {
                    let bar = bars.as_mut()?(cause.exchange_time.0)?;
                    let value = match kind {
                        Kind::CorrectedBar => SignalValue::CorrectedBar(bar),
                        _ => SignalValue::Bar(bar),
                    };
                    (bar.end, value)
                }
                Kind::Values => {
                    let (time, outputs) = values.as_mut()?(cause.exchange_time.0)?;
                    (time, SignalValue::Values(outputs))
                }
                Kind::Greeks => {
                    let (time, outputs) = greeks.as_mut()?(cause.exchange_time.0, cause.price)?;
                    (time, SignalValue::Values(outputs))
                }
            };
            Some(Signal {
                stream,
                offset: Offset::new(number, u16::try_from(place).ok()?),
                previous: back
                    .checked_sub(1)
                    .map(|back| Offset::new(number.saturating_sub(back), index)),
                exchange_time,
                receive_time: cause.receive_time,
                source: cause.source,
                mock,
                value,
            })
        };
        columns
            .enumerate()
            .map_while(|(place, ((stream, kind), mock))| signal(place, stream, kind, mock))
            .filter(|signal| wanted(signal.stream))
            .collect()
    }
}

impl Values {
    fn pack(values: &[(i64, &[Value])], caused: &[i64]) -> Self {
        let times: Vec<i64> = values.iter().map(|(time, _)| *time).collect();
        let counts: Vec<i64> = values.iter().map(|(_, outputs)| outputs.len() as i64).collect();
        let mut numbers = Vec::new();
        let output = values
            .iter()
            .flat_map(|(_, outputs)| *outputs)
            .map(|value| match value {
                Value::Number(number) => {
                    numbers.push(*number);
                    Output::Number
                }
                Value::Truth(truth) => Output::Truth(*truth),
                Value::Absent(absence) => Output::Absent(*absence),
            });
        Self {
            output: output.collect(),
            time: Times::pack(&times, caused),
            count: Integers::pack(&counts),
            numbers: Numbers::pack(&numbers),
        }
    }

    /// Gives one list after the other, each for the time of its cause.
    fn reader(&self) -> impl FnMut(i64) -> Option<(UnixNanos, Vec<Value>)> + '_ {
        let (mut time, mut count) = (self.time.reader(), self.count.reader());
        let (mut output, mut numbers) = (self.output.as_slice(), self.numbers.reader());
        move |caused| {
            let time = time.next(caused)?;
            let (outputs, rest) = output.split_at_checked(usize::try_from(count.next()?).ok()?)?;
            output = rest;
            let values = outputs.iter().map(|output| match output {
                Output::Number => numbers.next().map(Value::Number),
                Output::Truth(truth) => Some(Value::Truth(*truth)),
                Output::Absent(absence) => Some(Value::Absent(*absence)),
            });
            Some((UnixNanos(time), values.collect::<Option<_>>()?))
        }
    }
}

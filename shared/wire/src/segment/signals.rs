//! The signals of a segment, a column a field.

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;
use tickwire_signals::{Absence, PriceValue, Signal, SignalValue, StreamId, Value};
use tickwire_streams::Offset;

use super::bars::Bars;
use crate::columns::{Integers, Numbers, Runs, Times};

/// Signals without what they share with their causes; a price signal has no
/// value of its own at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Signals {
    /// The one column that knows how many signals there are.
    stream: Vec<StreamId>,
    kind: Runs<Kind>,
    mock: Runs<bool>,
    /// Place of the event that caused it, less that of the signal before.
    event: Integers,
    /// Segments back to the stream's previous signal, plus one; 0: there is none.
    back: Integers,
    /// Index of the previous signal in its segment.
    index: Integers,
    bars: Option<Bars>,
    values: Option<Values>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// The causing tick's own.
    Price,
    Bar,
    Values,
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
    /// `causes` has the place of the event that caused each signal, `exchange`
    /// each event's exchange time.
    pub(super) fn pack(number: u64, signals: &[Signal], causes: &[u32], exchange: &[i64]) -> Self {
        let mut packed = Self::default();
        let (mut event, mut back, mut index) = (Vec::new(), Vec::new(), Vec::new());
        let (mut bars, mut bars_caused) = (Vec::new(), Vec::new());
        let (mut values, mut values_caused) = (Vec::new(), Vec::new());
        let mut event_before = NO_EVENT;
        for (signal, cause) in signals.iter().zip(causes) {
            packed.stream.push(signal.stream);
            packed.mock.push(signal.mock);
            event.push(i64::from(*cause) - event_before);
            event_before = i64::from(*cause);
            let caused = exchange.get(*cause as usize).copied().unwrap_or_default();
            let (segments, place) = signal.previous.map_or((0, 0), |previous| {
                (
                    number.wrapping_sub(previous.segment()).wrapping_add(1),
                    previous.index(),
                )
            });
            back.push(segments as i64);
            index.push(i64::from(place));
            packed.kind.push(match &signal.value {
                SignalValue::Price(_) => Kind::Price,
                SignalValue::Bar(bar) => {
                    bars.push(*bar);
                    bars_caused.push(caused);
                    Kind::Bar
                }
                SignalValue::Values(outputs) => {
                    values.push((signal.exchange_time.0, outputs.as_slice()));
                    values_caused.push(caused);
                    Kind::Values
                }
            });
        }
        Self {
            event: Integers::pack(&event),
            back: Integers::pack(&back),
            index: Integers::pack(&index),
            bars: (!bars.is_empty()).then(|| Bars::pack(&bars, &bars_caused)),
            values: (!values.is_empty()).then(|| Values::pack(&values, &values_caused)),
            ..packed
        }
    }

    pub(super) fn len(&self) -> usize {
        self.stream.len()
    }

    pub(super) fn any(&self, wanted: impl Fn(StreamId) -> bool) -> bool {
        self.stream.iter().any(|stream| wanted(*stream))
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
        let columns = self.stream.iter().zip(self.kind.reader()).zip(self.mock.reader());
        let mut signal = |place: usize, stream: StreamId, kind: Kind, mock: bool| {
            event_before = event_before.wrapping_add(event.next()?);
            let cause = causes.get(usize::try_from(event_before).ok()?)?;
            let (back, index) = (back.next()? as u64, u16::try_from(index.next()?).ok()?);
            let (exchange_time, value) = match kind {
                Kind::Price => (cause.exchange_time, SignalValue::Price(cause.price?)),
                Kind::Bar => {
                    let bar = bars.as_mut()?(cause.exchange_time.0)?;
                    (bar.end, SignalValue::Bar(bar))
                }
                Kind::Values => {
                    let (time, outputs) = values.as_mut()?(cause.exchange_time.0)?;
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
            .map_while(|(place, ((stream, kind), mock))| signal(place, *stream, kind, mock))
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

//! An engine on a bench: events in, signals out.

use std::collections::BTreeMap;

use tickwire_market::{Bar, Calendar, InstrumentKey, Tick, Timeframe, UnixNanos};
use tickwire_signals::{
    ClosedBar, Engine, Event, Fold, Folded, PlanChange, ReferenceChange, Refusal, Signal, SignalValue, Value,
    WarmUp,
};
use tickwire_streams::StreamKey;

pub(crate) const SECOND: i64 = UnixNanos::PER_SECOND;
pub(crate) const MINUTE: i64 = UnixNanos::PER_MINUTE;

pub(crate) fn at(text: &str) -> UnixNanos {
    UnixNanos::try_from(text.parse::<jiff::Timestamp>().unwrap()).unwrap()
}

pub(crate) fn key(text: &str) -> InstrumentKey {
    InstrumentKey::parse(text).unwrap()
}

pub(crate) fn stream(text: &str) -> StreamKey {
    text.parse().unwrap()
}

pub(crate) fn tick(instrument: &str, time: UnixNanos, price: f64) -> Tick {
    Tick::at(key(instrument), time, price)
}

pub(crate) fn instrument(text: &str) -> Event {
    let instrument = key(text);
    let calendar = Calendar::of(&instrument).unwrap();
    Event::Reference(ReferenceChange::Instrument {
        instrument,
        calendar,
        tick_size: None,
    })
}

pub(crate) fn add(text: &str) -> Event {
    add_with(text, WarmUp::default())
}

pub(crate) fn add_with(text: &str, warm_up: WarmUp) -> Event {
    Event::Plan(PlanChange::Add {
        stream: stream(text),
        warm_up,
    })
}

pub(crate) fn remove(text: &str) -> Event {
    Event::Plan(PlanChange::Remove { stream: stream(text) })
}

/// Everything a state consists of, to compare.
pub(crate) fn export(engine: &Engine) -> Vec<Vec<u8>> {
    std::iter::once(engine.export_head())
        .chain((0..engine.cells()).map(|cell| engine.export_cell(cell)))
        .collect()
}

#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) signals: Vec<Signal>,
    pub(crate) bars: Vec<ClosedBar>,
    /// Events that changed something: those of the log.
    pub(crate) logged: Vec<Event>,
    pub(crate) segment: u64,
}

impl Bench {
    /// Every event that changes something in a segment of its own.
    pub(crate) fn try_fold(&mut self, event: &Event) -> Result<Folded, Refusal> {
        let mut fold = Fold::new(self.segment + 1);
        let folded = self.engine.fold(event, &mut fold);
        self.signals.append(&mut fold.signals);
        self.bars.append(&mut fold.bars);
        if folded == Ok(Folded::Changed) {
            self.segment += 1;
            self.logged.push(event.clone());
        }
        folded
    }

    pub(crate) fn fold(&mut self, event: &Event) -> Folded {
        self.try_fold(event).unwrap()
    }

    pub(crate) fn tick(&mut self, instrument: &str, time: UnixNanos, price: f64) -> Folded {
        self.fold(&Event::Tick(tick(instrument, time, price)))
    }

    pub(crate) fn clock(&mut self, time: UnixNanos) -> Folded {
        self.fold(&Event::Clock(time))
    }

    pub(crate) fn with(events: &[Event]) -> Self {
        let mut bench = Self::default();
        for event in events {
            bench.fold(event);
        }
        bench
    }

    /// As if the process had ended here and another one gone on.
    pub(crate) fn restart(&mut self) {
        let cells: Vec<Vec<u8>> = (0..self.engine.cells())
            .map(|cell| self.engine.export_cell(cell))
            .collect();
        self.engine = Engine::restore(&self.engine.export_head(), &cells).unwrap();
    }

    /// Signals of a stream: time and value, as text that tells every bit.
    pub(crate) fn of(&self, stream_key: &str) -> Vec<String> {
        let wanted = stream(stream_key);
        self.signals
            .iter()
            .filter(|signal| self.engine.streams()[signal.stream as usize].key == wanted)
            .map(|signal| format!("{} {:?}", signal.exchange_time, signal.value))
            .collect()
    }

    /// Values of an expression's first output.
    pub(crate) fn values(&self, stream_key: &str) -> Vec<Value> {
        let wanted = stream(stream_key);
        self.signals
            .iter()
            .filter(|signal| self.engine.streams()[signal.stream as usize].key == wanted)
            .map(|signal| match &signal.value {
                SignalValue::Values(values) => values[0],
                other => panic!("not of an expression: {other:?}"),
            })
            .collect()
    }

    /// Closed bars that a stream of bars gave, as they were corrected: what is corrected is the
    /// newest, or comes behind it.
    pub(crate) fn bars_of(&self, stream_key: &str) -> Vec<Bar> {
        let wanted = stream(stream_key);
        let mut bars: Vec<Bar> = Vec::new();
        for signal in &self.signals {
            if self.engine.streams()[signal.stream as usize].key != wanted {
                continue;
            }
            let (bar, corrects) = match &signal.value {
                SignalValue::Bar(bar) => (*bar, false),
                SignalValue::CorrectedBar(bar) => (*bar, true),
                other => panic!("not a bar: {other:?}"),
            };
            assert_eq!(signal.exchange_time, bar.end);
            if let Some(newest) = bars.last().filter(|newest| newest.end >= bar.end) {
                assert!(corrects && newest.end == bar.end, "{bar:?} behind {newest:?}");
                assert!(newest.ticks < bar.ticks, "{bar:?} behind {newest:?}");
                bars.pop();
            }
            bars.push(bar);
        }
        bars
    }

    /// Stored bars of an instrument, as they stand.
    pub(crate) fn stored(&self, instrument: &InstrumentKey, timeframe: Timeframe) -> Vec<Bar> {
        let of = |bar: &&ClosedBar| bar.instrument == *instrument && bar.timeframe == timeframe;
        let bars = self.bars.iter().filter(of).map(|bar| (bar.bar.end, bar.bar));
        bars.collect::<BTreeMap<_, _>>().into_values().collect()
    }
}

//! One instrument within the engine: its forming bars and its graphs.

use serde::{Deserialize, Serialize};
use tickwire_market::{
    Bar, Calendar, Forming, InstrumentKey, Session, SessionError, Tick, Timeframe, TradedVolume, UnixNanos,
};

use crate::engine::{NODES_PER_GRAPH_MAX, Refusal, StreamId};
use crate::event::WarmUp;
use crate::expression::Expression;
use crate::graph::{Graph, GraphInput, Tap};
use crate::history::adjust;
use crate::value::Value;

/// What is known of an instrument beside its bars and graphs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) key: InstrumentKey,
    pub(crate) calendar: Calendar,
    pub(crate) tick_size: Option<f64>,
    pub(crate) traded: TradedVolume,
    /// Made up by a simulation, as of the newest tick.
    pub(crate) mock: bool,
    /// Greatest exchange time of a tick.
    pub(crate) last_tick: Option<UnixNanos>,
    /// Splits: time and ratio, ascending.
    pub(crate) splits: Vec<(UnixNanos, f64)>,
}

/// An instrument of the group.
#[derive(Clone, Debug)]
pub(crate) struct Instrument {
    pub(crate) known: Known,
    pub(crate) price_stream: Option<StreamId>,
    /// Ascending by timeframe; 1m and 1d are always there, so that there are
    /// stored bars from which a stream added later is seeded.
    pub(crate) frames: Vec<Frame>,
    /// The session of the last tick; a cache.
    session: Option<Session>,
}

/// The bars of one timeframe, and what is computed on them.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) timeframe: Timeframe,
    /// Open bars as traded, ascending: of minutes one, or two while the older
    /// waits for late ticks. Longer ones are the join of their closed minutes,
    /// so that they are the same bits however they came about.
    pub(crate) forming: Vec<OpenBar>,
    pub(crate) bars_stream: Option<StreamId>,
    pub(crate) graph: Graph,
    pub(crate) taps: Vec<(StreamId, Expression, Tap)>,
}

/// A forming bar and the day of its session.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct OpenBar {
    pub(crate) bar: Forming,
    pub(crate) day: i32,
}

/// A bar was closed.
#[derive(Debug)]
pub(crate) struct Close {
    /// Ends of longer bars that it opened.
    pub(crate) opened: Vec<(UnixNanos, Timeframe)>,
    /// The bar in the shares of today.
    pub(crate) bar: Bar,
    /// The bar as traded, if it belongs among the stored ones.
    pub(crate) stored: Option<Bar>,
    pub(crate) bars_stream: Option<StreamId>,
    /// Values of the streams computed on it.
    pub(crate) values: Vec<(StreamId, Vec<Value>)>,
}

/// Days from 1970-01-01 to the session's day.
pub(crate) fn bar_day(session: &Session) -> i32 {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    session.day.since(epoch).map_or(0, |span| span.get_days())
}

/// Whether closed bars of this timeframe are stored.
fn is_stored(timeframe: Timeframe) -> bool {
    matches!(timeframe.as_minutes(), Some(1 | 1_440))
}

/// The stored timeframe from which bars of `timeframe` are made.
pub fn base_timeframe(timeframe: Timeframe) -> Timeframe {
    if timeframe == Timeframe::DAY {
        Timeframe::DAY
    } else {
        Timeframe::MINUTE
    }
}

impl Frame {
    pub(crate) fn new(timeframe: Timeframe) -> Self {
        Self {
            timeframe,
            forming: Vec::new(),
            bars_stream: None,
            graph: Graph::default(),
            taps: Vec::new(),
        }
    }

    /// The open bar that begins at `start`, or the place where it belongs.
    fn forming_at(&mut self, start: UnixNanos) -> Result<&mut OpenBar, usize> {
        match self
            .forming
            .binary_search_by_key(&start, |open| open.bar.peek().start)
        {
            Ok(at) => Ok(&mut self.forming[at]),
            Err(at) => Err(at),
        }
    }

    /// Computes the streams on one more bar.
    fn compute(&mut self, bar: &Bar, session_day: i32) -> Vec<(StreamId, Vec<Value>)> {
        if self.taps.is_empty() {
            return Vec::new();
        }
        self.graph.next(GraphInput { bar, session_day });
        self.taps
            .iter()
            .map(|(stream, _, tap)| (*stream, self.graph.read(*tap).to_vec()))
            .collect()
    }

    /// The graph of `taps`, added in their order, with the state of `from`.
    fn rebuild(&mut self) {
        let old = std::mem::take(&mut self.graph);
        for (_, expression, tap) in &mut self.taps {
            *tap = self.graph.add(expression);
        }
        self.graph.inherit(0, &old);
    }

    fn is_idle(&self) -> bool {
        self.bars_stream.is_none() && self.taps.is_empty() && !is_stored(self.timeframe)
    }
}

impl Instrument {
    pub(crate) fn new(key: InstrumentKey, calendar: Calendar, tick_size: Option<f64>) -> Self {
        let known = Known {
            key,
            calendar,
            tick_size,
            traded: TradedVolume::default(),
            mock: false,
            last_tick: None,
            splits: Vec::new(),
        };
        let frames = vec![Frame::new(Timeframe::MINUTE), Frame::new(Timeframe::DAY)];
        Self::restore(known, None, frames)
    }

    pub(crate) fn restore(known: Known, price_stream: Option<StreamId>, frames: Vec<Frame>) -> Self {
        Self {
            known,
            price_stream,
            frames,
            session: None,
        }
    }

    pub(crate) fn set_reference(&mut self, calendar: Calendar, tick_size: Option<f64>) {
        self.known.calendar = calendar;
        self.known.tick_size = tick_size;
        self.session = None;
    }

    /// The session at a time; `None` when the market is closed then.
    pub(crate) fn session_at(&mut self, time: UnixNanos) -> Result<Option<Session>, SessionError> {
        if let Some(session) = self.session.filter(|session| session.contains(time)) {
            return Ok(Some(session));
        }
        let session = self.known.calendar.session_at(time)?;
        if session.is_some() {
            self.session = session;
        }
        Ok(session)
    }

    /// Folds a tick into the minute's bar; gives the end of that bar. `None` if
    /// the minute is closed: then the tick is in no bar.
    pub(crate) fn fold(&mut self, tick: &Tick, session: &Session, watermark: UnixNanos) -> Option<UnixNanos> {
        let (start, end) = session.bar(Timeframe::MINUTE, tick.exchange_time)?;
        if end <= watermark {
            return None;
        }
        let traded = self.known.traded.next(session.day, tick.volume, tick.size);
        let frame = self
            .frames
            .iter_mut()
            .find(|frame| frame.timeframe == Timeframe::MINUTE)?;
        match frame.forming_at(start) {
            Ok(open) => open.bar.fold(tick.price, traded, tick.open_interest),
            Err(at) => {
                let bar = Forming::open(start, end, tick.price, traded, tick.open_interest);
                frame.forming.insert(
                    at,
                    OpenBar {
                        bar,
                        day: bar_day(session),
                    },
                );
            }
        }
        Some(end)
    }

    /// Joins a closed minute into the longer bars; gives the ends of those it opened.
    fn join(&mut self, minute: &Bar) -> Vec<(UnixNanos, Timeframe)> {
        let mut opened = Vec::new();
        let Ok(Some(session)) = self.session_at(minute.start) else {
            return opened;
        };
        for frame in self
            .frames
            .iter_mut()
            .filter(|frame| frame.timeframe > Timeframe::MINUTE)
        {
            let Some((start, end)) = session.bar(frame.timeframe, minute.start) else {
                continue;
            };
            match frame.forming_at(start) {
                Ok(open) => open.bar.merge(minute),
                Err(at) => {
                    let bar = Forming::open_with(start, end, minute);
                    frame.forming.insert(
                        at,
                        OpenBar {
                            bar,
                            day: bar_day(&session),
                        },
                    );
                    opened.push((end, frame.timeframe));
                }
            }
        }
        opened
    }

    /// Computes the streams of timeframe `tick`.
    pub(crate) fn compute_on_tick(&mut self, bar: &Bar, session_day: i32) -> Option<Close> {
        let bar = self.in_shares_of_today(bar);
        let frame = self
            .frames
            .iter_mut()
            .find(|frame| frame.timeframe == Timeframe::TICK)?;
        let values = frame.compute(&bar, session_day);
        Some(Close {
            opened: Vec::new(),
            bar,
            stored: None,
            bars_stream: None,
            values,
        })
    }

    /// Ends of all forming bars.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (UnixNanos, Timeframe)> {
        self.frames.iter().flat_map(|frame| {
            frame
                .forming
                .iter()
                .map(|open| (open.bar.peek().end, frame.timeframe))
        })
    }

    /// Closes the bar of `timeframe` that ends at `end`.
    pub(crate) fn close(&mut self, timeframe: Timeframe, end: UnixNanos) -> Option<Close> {
        let frame = self
            .frames
            .iter_mut()
            .find(|frame| frame.timeframe == timeframe)?;
        let at = frame.forming.iter().position(|open| open.bar.peek().end == end)?;
        let open = frame.forming.remove(at);
        let traded = open.bar.peek();
        let bar = self.in_shares_of_today(&traded);
        let frame = self
            .frames
            .iter_mut()
            .find(|frame| frame.timeframe == timeframe)?;
        let values = frame.compute(&bar, open.day);
        let bars_stream = frame.bars_stream;
        let stored = is_stored(timeframe).then_some(traded);
        let opened = if timeframe == Timeframe::MINUTE {
            self.join(&traded)
        } else {
            Vec::new()
        };
        Some(Close {
            opened,
            bar,
            stored,
            bars_stream,
            values,
        })
    }

    /// A bar as traded, with the splits that came after it.
    fn in_shares_of_today(&self, bar: &Bar) -> Bar {
        let mut bars = [*bar];
        adjust(&mut bars, &self.known.splits);
        bars[0]
    }

    /// The frame of a timeframe; a new one starts with what is stored of the bar
    /// that is forming. Minutes that are still open join it when they close.
    fn frame(&mut self, timeframe: Timeframe, warm_up: &WarmUp, watermark: UnixNanos) -> &mut Frame {
        let at = self.frames.partition_point(|frame| frame.timeframe < timeframe);
        if self
            .frames
            .get(at)
            .is_none_or(|frame| frame.timeframe != timeframe)
        {
            let mut frame = Frame::new(timeframe);
            frame.forming = self
                .seed_forming(timeframe, warm_up, watermark)
                .into_iter()
                .collect();
            self.frames.insert(at, frame);
        }
        &mut self.frames[at]
    }

    fn seed_forming(
        &mut self,
        timeframe: Timeframe,
        warm_up: &WarmUp,
        watermark: UnixNanos,
    ) -> Option<OpenBar> {
        let stored = warm_up.forming?;
        let session = self.session_at(stored.start).ok().flatten()?;
        let (start, end) = session.bar(timeframe, stored.start)?;
        let bar = Forming::open_with(start, end, &stored);
        (end > watermark).then_some(OpenBar {
            bar,
            day: bar_day(&session),
        })
    }

    pub(crate) fn add_bars(
        &mut self,
        timeframe: Timeframe,
        id: StreamId,
        warm_up: &WarmUp,
        watermark: UnixNanos,
    ) {
        self.frame(timeframe, warm_up, watermark).bars_stream = Some(id);
    }

    pub(crate) fn add_expression(
        &mut self,
        timeframe: Timeframe,
        id: StreamId,
        expression: Expression,
        warm_up: &WarmUp,
        watermark: UnixNanos,
    ) -> Result<(), Refusal> {
        let warm = self.warm_graph(&[&expression], &warm_up.closed);
        let frame = self.frame(timeframe, warm_up, watermark);
        if frame.graph.len() + warm.len() > NODES_PER_GRAPH_MAX {
            return Err(Refusal::Full(
                "4096 expression nodes per instrument and timeframe",
            ));
        }
        let known = frame.graph.len();
        let tap = frame.graph.add(&expression);
        // What the plan had already goes on as it is; only what is new is seeded.
        frame.graph.inherit(known, &warm);
        frame.taps.push((id, expression, tap));
        Ok(())
    }

    /// A graph of `expressions` that has seen `bars`.
    fn warm_graph(&mut self, expressions: &[&Expression], bars: &[Bar]) -> Graph {
        let mut graph = Graph::default();
        for expression in expressions {
            graph.add(expression);
        }
        for bar in bars {
            if let Ok(Some(session)) = self.session_at(bar.start) {
                graph.next(GraphInput {
                    bar,
                    session_day: bar_day(&session),
                });
            }
        }
        graph
    }

    pub(crate) fn remove(&mut self, id: StreamId) {
        if self.price_stream == Some(id) {
            self.price_stream = None;
        }
        for frame in &mut self.frames {
            if frame.bars_stream == Some(id) {
                frame.bars_stream = None;
            }
            let before = frame.taps.len();
            frame.taps.retain(|(stream, _, _)| *stream != id);
            if frame.taps.len() < before {
                frame.rebuild();
            }
        }
        self.frames.retain(|frame| !frame.is_idle());
    }

    /// Timeframes with expressions, and the bars that seed the slowest.
    pub(crate) fn settling(&self) -> Vec<(Timeframe, usize)> {
        self.frames
            .iter()
            .filter(|frame| frame.timeframe != Timeframe::TICK)
            .filter_map(|frame| {
                let bars = frame
                    .taps
                    .iter()
                    .map(|(_, expression, _)| expression.settle())
                    .max()?;
                Some((frame.timeframe, bars))
            })
            .collect()
    }

    /// Takes a split: prices so far are in old shares, so what is computed
    /// starts anew from the adjusted history. Forming bars stay as traded and
    /// are adjusted when they close. False if it is known already.
    pub(crate) fn split(&mut self, at: UnixNanos, ratio: f64, warm_up: &[(Timeframe, WarmUp)]) -> bool {
        if self.known.splits.iter().any(|(time, _)| *time == at) {
            return false;
        }
        let place = self.known.splits.partition_point(|(time, _)| *time < at);
        self.known.splits.insert(place, (at, ratio));
        for index in 0..self.frames.len() {
            let timeframe = self.frames[index].timeframe;
            let history = warm_up
                .iter()
                .find(|(of, _)| *of == timeframe)
                .map(|(_, warm_up)| warm_up);
            let expressions: Vec<Expression> = self.frames[index]
                .taps
                .iter()
                .map(|(_, expression, _)| expression.clone())
                .collect();
            let expressions: Vec<&Expression> = expressions.iter().collect();
            let warm = self.warm_graph(&expressions, history.map_or(&[], |warm_up| &warm_up.closed));
            self.frames[index].graph = warm;
        }
        true
    }
}

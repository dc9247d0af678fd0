//! One instrument within the engine: its forming bars and its graphs.

use serde::{Deserialize, Serialize};
use tickwire_market::{
    Bar, Calendar, Forming, InstrumentKey, Session, SessionError, Tick, Timeframe, TradedVolume, UnixNanos,
};

use crate::engine::{NODES_PER_GRAPH_MAX, Refusal, StreamId};
use crate::event::{WarmUp, split_bar};
use crate::expression::Expression;
use crate::graph::{Graph, GraphInput, Tap};
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
    /// Open bars, ascending: one, or two while the older waits for late ticks.
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
    pub(crate) bar: Bar,
    /// It belongs among the stored bars.
    pub(crate) store: bool,
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
    if timeframe == Timeframe::DAY { Timeframe::DAY } else { Timeframe::MINUTE }
}

impl Frame {
    pub(crate) fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, forming: Vec::new(), bars_stream: None, graph: Graph::default(), taps: Vec::new() }
    }

    /// Computes the streams on one more bar.
    fn compute(&mut self, bar: &Bar, session_day: i32) -> Vec<(StreamId, Vec<Value>)> {
        if self.taps.is_empty() {
            return Vec::new();
        }
        self.graph.next(GraphInput { bar, session_day });
        self.taps.iter().map(|(stream, _, tap)| (*stream, self.graph.read(*tap).to_vec())).collect()
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
        Self { known, price_stream, frames, session: None }
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

    /// Folds a tick into the forming bars. Says whether it came too late for
    /// any of them, and the earliest end of a bar it opened.
    pub(crate) fn fold(
        &mut self,
        tick: &Tick,
        session: &Session,
        traded: Option<f64>,
        watermark: UnixNanos,
    ) -> (bool, Option<UnixNanos>) {
        let mut late = false;
        let mut opened: Option<UnixNanos> = None;
        let day = bar_day(session);
        for frame in &mut self.frames {
            let Some((start, end)) = session.bar(frame.timeframe, tick.exchange_time) else { continue };
            if end <= watermark {
                late = true;
                continue;
            }
            let at = frame.forming.partition_point(|open| open.bar.peek().start < start);
            match frame.forming.get_mut(at).filter(|open| open.bar.peek().start == start) {
                Some(open) => open.bar.fold(tick.price, traded, tick.open_interest),
                None => {
                    let bar = Forming::open(start, end, tick.price, traded, tick.open_interest);
                    frame.forming.insert(at, OpenBar { bar, day });
                    opened = Some(opened.map_or(end, |earliest| earliest.min(end)));
                }
            }
        }
        (late, opened)
    }

    /// Computes the streams of timeframe `tick`.
    pub(crate) fn compute_on_tick(&mut self, bar: &Bar, session_day: i32) -> Option<Close> {
        let frame = self.frames.iter_mut().find(|frame| frame.timeframe == Timeframe::TICK)?;
        let values = frame.compute(bar, session_day);
        Some(Close { bar: *bar, store: false, bars_stream: None, values })
    }

    /// Ends of all forming bars.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (UnixNanos, Timeframe)> {
        self.frames
            .iter()
            .flat_map(|frame| frame.forming.iter().map(|open| (open.bar.peek().end, frame.timeframe)))
    }

    /// Closes the bar of `timeframe` that ends at `end`.
    pub(crate) fn close(&mut self, timeframe: Timeframe, end: UnixNanos) -> Option<Close> {
        let frame = self.frames.iter_mut().find(|frame| frame.timeframe == timeframe)?;
        let at = frame.forming.iter().position(|open| open.bar.peek().end == end)?;
        let open = frame.forming.remove(at);
        let bar = open.bar.peek();
        let values = frame.compute(&bar, open.day);
        Some(Close { bar, store: is_stored(timeframe), bars_stream: frame.bars_stream, values })
    }

    /// The frame of a timeframe; a new one starts with what is stored and known
    /// of the bar that is forming.
    fn frame(&mut self, timeframe: Timeframe, warm_up: &WarmUp) -> &mut Frame {
        let at = self.frames.partition_point(|frame| frame.timeframe < timeframe);
        if self.frames.get(at).is_none_or(|frame| frame.timeframe != timeframe) {
            let mut frame = Frame::new(timeframe);
            frame.forming = self.seed_forming(timeframe, warm_up.forming);
            self.frames.insert(at, frame);
        }
        &mut self.frames[at]
    }

    /// Joins the stored part of the forming bar with the finer bars that are still open.
    fn seed_forming(&mut self, timeframe: Timeframe, stored: Option<Bar>) -> Vec<OpenBar> {
        let mut forming: Vec<OpenBar> = Vec::new();
        let finer = self.frames.iter().find(|frame| frame.timeframe == Timeframe::MINUTE);
        let finer: Vec<Bar> = finer.map_or_else(Vec::new, |frame| {
            frame.forming.iter().map(|open| open.bar.peek()).collect()
        });
        for bar in stored.into_iter().chain(finer) {
            let Ok(Some(session)) = self.session_at(bar.start) else { continue };
            let Some((start, end)) = session.bar(timeframe, bar.start) else { continue };
            match forming.last_mut().filter(|open| open.bar.peek().start == start) {
                Some(open) => open.bar.merge(&bar),
                None => {
                    forming.push(OpenBar { bar: Forming::open_with(start, end, &bar), day: bar_day(&session) });
                }
            }
        }
        forming
    }

    pub(crate) fn add_bars(&mut self, timeframe: Timeframe, id: StreamId, warm_up: &WarmUp) {
        self.frame(timeframe, warm_up).bars_stream = Some(id);
    }

    pub(crate) fn add_expression(
        &mut self,
        timeframe: Timeframe,
        id: StreamId,
        expression: Expression,
        warm_up: &WarmUp,
    ) -> Result<(), Refusal> {
        let warm = self.warm_graph(&[&expression], &warm_up.closed);
        let frame = self.frame(timeframe, warm_up);
        if frame.graph.len() + warm.len() > NODES_PER_GRAPH_MAX {
            return Err(Refusal::Full("4096 expression nodes per instrument and timeframe"));
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
                graph.next(GraphInput { bar, session_day: bar_day(&session) });
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
                let bars = frame.taps.iter().map(|(_, expression, _)| expression.settle()).max()?;
                Some((frame.timeframe, bars))
            })
            .collect()
    }

    /// Takes a split: prices so far are in old shares, so what is computed
    /// starts anew from the adjusted history. False if it is known already.
    pub(crate) fn split(&mut self, at: UnixNanos, ratio: f64, warm_up: &[(Timeframe, WarmUp)]) -> bool {
        if self.known.splits.iter().any(|(time, _)| *time == at) {
            return false;
        }
        let place = self.known.splits.partition_point(|(time, _)| *time < at);
        self.known.splits.insert(place, (at, ratio));
        for index in 0..self.frames.len() {
            let timeframe = self.frames[index].timeframe;
            let history = warm_up.iter().find(|(of, _)| *of == timeframe).map(|(_, warm_up)| warm_up);
            let expressions: Vec<Expression> =
                self.frames[index].taps.iter().map(|(_, expression, _)| expression.clone()).collect();
            let expressions: Vec<&Expression> = expressions.iter().collect();
            let warm = self.warm_graph(&expressions, history.map_or(&[], |warm_up| &warm_up.closed));
            let frame = &mut self.frames[index];
            frame.graph = warm;
            for open in frame.forming.iter_mut().filter(|open| open.bar.peek().start < at) {
                let bar = open.bar.peek();
                open.bar = Forming::open_with(bar.start, bar.end, &split_bar(&bar, ratio));
            }
        }
        true
    }
}

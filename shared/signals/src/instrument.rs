//! One instrument within the engine: its forming bars, and the streams computed on them.

use serde::{Deserialize, Serialize};
use tickwire_market::{
    Bar, Calendar, Forming, InstrumentKey, Session, SessionError, Tick, Timeframe, TradedVolume, UnixNanos,
};

use crate::engine::{Booked, ChainState, StreamId};
use crate::event::WarmUp;
use crate::expression::Expression;
use crate::graph::{GraphInput, Tap};
use crate::history::adjust;

/// What is known of an instrument beside its bars and streams.
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
    /// What was last told, of an option or an underlying of options.
    pub(crate) book: Option<Booked>,
    /// Of an underlying of options.
    pub(crate) chain: Option<ChainState>,
    /// The session of the last tick; a cache.
    session: Option<Session>,
}

/// The bars of one timeframe, and the streams computed on them.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) timeframe: Timeframe,
    /// Open bars as traded, ascending: of minutes one, or two while the older
    /// waits for late ticks. Longer ones are the join of their closed minutes,
    /// so that they are the same bits however they came about.
    pub(crate) forming: Vec<OpenBar>,
    pub(crate) bars_stream: Option<StreamId>,
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
    /// The bar in the shares of today, as the graph sees it.
    pub(crate) input: GraphInput,
    /// The bar as traded, if it belongs among the stored ones.
    pub(crate) stored: Option<Bar>,
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

    /// Nothing asks for its bars; of the graph that is for the caller to say.
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
            book: None,
            chain: None,
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
        let opened = if timeframe == Timeframe::MINUTE {
            self.join(&traded)
        } else {
            Vec::new()
        };
        Some(Close {
            opened,
            input: GraphInput {
                bar: self.in_shares_of_today(&traded),
                session_day: open.day,
                quote: (None, None),
            },
            stored: is_stored(timeframe).then_some(traded),
        })
    }

    pub(crate) fn frame_of(&self, timeframe: Timeframe) -> Option<&Frame> {
        self.frames.iter().find(|frame| frame.timeframe == timeframe)
    }

    /// A bar as traded, with the splits that came after it.
    pub(crate) fn in_shares_of_today(&self, bar: &Bar) -> Bar {
        let mut bars = [*bar];
        adjust(&mut bars, &self.known.splits);
        bars[0]
    }

    /// The frame of a timeframe; a new one starts with what is stored of the bar
    /// that is forming. Minutes that are still open join it when they close.
    pub(crate) fn frame(
        &mut self,
        timeframe: Timeframe,
        warm_up: &WarmUp,
        watermark: UnixNanos,
    ) -> &mut Frame {
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

    /// The bar as the graph sees it; `None` when the market is closed at its start.
    pub(crate) fn graph_input(&mut self, bar: &Bar) -> Option<GraphInput> {
        let session = self.session_at(bar.start).ok().flatten()?;
        Some(GraphInput {
            bar: *bar,
            session_day: bar_day(&session),
            quote: (None, None),
        })
    }

    /// Takes a stream away; gives what it was computed by.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<Tap> {
        if self.price_stream == Some(id) {
            self.price_stream = None;
        }
        let mut removed = None;
        for frame in &mut self.frames {
            if frame.bars_stream == Some(id) {
                frame.bars_stream = None;
            }
            if let Some(at) = frame.taps.iter().position(|(stream, ..)| *stream == id) {
                removed = Some(frame.taps.remove(at).2);
            }
        }
        removed
    }

    /// Takes away the frames that nothing asks for, but those that `is_read` by the graph.
    pub(crate) fn drop_idle_frames(&mut self, is_read: impl Fn(Timeframe) -> bool) {
        self.frames
            .retain(|frame| !frame.is_idle() || is_read(frame.timeframe));
    }

    /// Adds a split: forming bars stay as traded and are adjusted when they close. False
    /// if it is known already.
    pub(crate) fn add_split(&mut self, at: UnixNanos, ratio: f64) -> bool {
        if self.known.splits.iter().any(|(time, _)| *time == at) {
            return false;
        }
        let place = self.known.splits.partition_point(|(time, _)| *time < at);
        self.known.splits.insert(place, (at, ratio));
        true
    }
}

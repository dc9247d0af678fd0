//! One instrument within the engine: its bars, and the streams computed on them.

use serde::{Deserialize, Serialize};
use tickwire_market::{
    Bar, Calendar, Forming, InstrumentKey, Session, SessionError, Tick, Timeframe, TradedVolume, UnixNanos,
};

use crate::engine::{Booked, ChainState, StreamId};
use crate::event::WarmUp;
use crate::expression::Expression;
use crate::graph::{GraphInput, Tap};
use crate::history::adjust;
use crate::minute::{LongerBar, Minute};

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
    /// Ascending: those that are open, one, or two while the older waits for late ticks; before
    /// them what is closed and not settled, which late ticks still correct.
    pub(crate) minutes: Vec<Minute>,
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
    /// Bars as traded, ascending, while minutes of them may come or change; none of the
    /// minute's own frame.
    pub(crate) forming: Vec<LongerBar>,
    /// It has the bars that end later; none: all.
    pub(crate) since: Option<UnixNanos>,
    pub(crate) bars_stream: Option<StreamId>,
    pub(crate) taps: Vec<(StreamId, Expression, Tap)>,
}

/// What a tick did to its minute.
#[derive(Debug)]
pub(crate) enum Took {
    /// It is in the bar that is open, and ends then.
    Open(UnixNanos),
    /// It is in the bar that was closed, and begins then.
    Corrected(UnixNanos),
    /// It is in none: its bar is settled.
    Late,
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
pub(crate) fn is_stored(timeframe: Timeframe) -> bool {
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
    pub(crate) fn new(timeframe: Timeframe, since: Option<UnixNanos>) -> Self {
        Self {
            timeframe,
            forming: Vec::new(),
            since,
            bars_stream: None,
            taps: Vec::new(),
        }
    }

    /// The bar that holds the minute that begins at `start`.
    fn bar_of(&mut self, start: UnixNanos) -> Option<&mut LongerBar> {
        self.forming
            .iter_mut()
            .find(|bar| bar.start <= start && start < bar.end)
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
        let frames = [Timeframe::MINUTE, Timeframe::DAY].map(|timeframe| Frame::new(timeframe, None));
        Self::restore(known, None, Vec::new(), frames.into())
    }

    pub(crate) fn restore(
        known: Known,
        price_stream: Option<StreamId>,
        minutes: Vec<Minute>,
        frames: Vec<Frame>,
    ) -> Self {
        Self {
            known,
            price_stream,
            minutes,
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

    /// Folds a tick into its minute, unless that is settled. What ends by `watermark` is closed,
    /// what ends by `settled` is settled.
    pub(crate) fn fold(
        &mut self,
        tick: &Tick,
        session: &Session,
        watermark: UnixNanos,
        settled: UnixNanos,
    ) -> Took {
        let span = session.bar(Timeframe::MINUTE, tick.exchange_time);
        let Some((start, end)) = span.filter(|(_, end)| *end > settled) else {
            return Took::Late;
        };
        let is_open = end > watermark;
        let traded = &mut self.known.traded;
        let traded = match is_open {
            true => traded.next(session.day, tick.volume, tick.size),
            false => traded.late(session.day, tick.volume, tick.size),
        };
        match self
            .minutes
            .binary_search_by_key(&start, |minute| minute.peek().start)
        {
            // Where nothing is ever corrected, ticks are in the order in which they come.
            Ok(at) => self.minutes[at].take(tick, traded, settled < watermark),
            Err(at) => {
                let minute = Minute::open((start, end), bar_day(session), tick, traded);
                self.minutes.insert(at, minute);
            }
        }
        match is_open {
            true => Took::Open(end),
            false => Took::Corrected(start),
        }
    }

    /// Sees to it that the longer bars of a closed minute are there; gives the ends of those that
    /// were not.
    fn open_longer(&mut self, start: UnixNanos) -> Vec<(UnixNanos, Timeframe)> {
        let mut opened = Vec::new();
        let Ok(Some(session)) = self.session_at(start) else {
            return opened;
        };
        let longer = self
            .frames
            .iter_mut()
            .filter(|frame| frame.timeframe > Timeframe::MINUTE);
        for frame in longer {
            let Some((start, end)) = session.bar(frame.timeframe, start) else {
                continue;
            };
            if frame.bar_of(start).is_some() || frame.since.is_some_and(|since| end <= since) {
                continue;
            }
            let at = frame.forming.partition_point(|bar| bar.start < start);
            let bar = LongerBar {
                start,
                end,
                day: bar_day(&session),
                settled: None,
            };
            frame.forming.insert(at, bar);
            opened.push((end, frame.timeframe));
        }
        opened
    }

    /// Lets go of minutes that end by `settled`: no tick changes them any longer.
    pub(crate) fn settle(&mut self, settled: UnixNanos) {
        let done = self
            .minutes
            .partition_point(|minute| minute.peek().end <= settled);
        for minute in self.minutes.drain(..done) {
            let minute = minute.peek();
            for frame in &mut self.frames {
                if let Some(bar) = frame.bar_of(minute.start) {
                    bar.settle(&minute);
                }
            }
        }
        for frame in &mut self.frames {
            frame.forming.retain(|bar| bar.end > settled);
        }
    }

    /// The start of the first minute that is closed and not settled.
    pub(crate) fn unsettled(&self, watermark: UnixNanos) -> Option<UnixNanos> {
        let first = self.minutes.first().map(Minute::peek)?;
        (first.end <= watermark).then_some(first.start)
    }

    /// Ends of all bars that end after `watermark`.
    pub(crate) fn ends(&self, watermark: UnixNanos) -> impl Iterator<Item = (UnixNanos, Timeframe)> {
        let minutes = self
            .minutes
            .iter()
            .map(|minute| (minute.peek().end, Timeframe::MINUTE));
        let longer = self
            .frames
            .iter()
            .flat_map(|frame| frame.forming.iter().map(|bar| (bar.end, frame.timeframe)));
        minutes.chain(longer).filter(move |(end, _)| *end > watermark)
    }

    /// Closes the bar of `timeframe` that ends at `end`.
    pub(crate) fn close(&mut self, timeframe: Timeframe, end: UnixNanos) -> Option<Close> {
        let (traded, session_day) = if timeframe == Timeframe::MINUTE {
            let mut minutes = self.minutes.iter();
            let minute = minutes.find(|minute| minute.peek().end == end)?;
            (minute.peek(), minute.day)
        } else {
            let longer = self
                .frame_of(timeframe)?
                .forming
                .iter()
                .find(|bar| bar.end == end)?;
            (longer.joined(&self.minutes)?, longer.day)
        };
        let opened = match timeframe {
            Timeframe::MINUTE => self.open_longer(traded.start),
            _ => Vec::new(),
        };
        Some(Close {
            opened,
            input: GraphInput {
                bar: self.in_shares_of_today(&traded),
                session_day,
                quote: (None, None),
            },
            stored: is_stored(timeframe).then_some(traded),
        })
    }

    /// The bars that a late tick has changed which are closed, as traded, by length: its minute,
    /// which begins at `start`, and longer ones.
    pub(crate) fn corrected(&mut self, start: UnixNanos, watermark: UnixNanos) -> Vec<(Timeframe, Bar)> {
        self.open_longer(start);
        let holds = |bar: &&LongerBar| bar.start <= start && start < bar.end && bar.end <= watermark;
        let minute = self
            .minutes
            .iter()
            .map(Minute::peek)
            .find(|bar| bar.start == start);
        let longer = self.frames.iter().filter_map(|frame| {
            let bar = frame.forming.iter().find(holds)?;
            Some((frame.timeframe, bar.joined(&self.minutes)?))
        });
        let minute = minute.map(|bar| (Timeframe::MINUTE, bar));
        minute.into_iter().chain(longer).collect()
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
    /// that is forming, as far as that is settled: its other minutes are here.
    pub(crate) fn frame(
        &mut self,
        timeframe: Timeframe,
        warm_up: &WarmUp,
        watermark: Option<UnixNanos>,
    ) -> &mut Frame {
        let at = self.frames.partition_point(|frame| frame.timeframe < timeframe);
        if self
            .frames
            .get(at)
            .is_none_or(|frame| frame.timeframe != timeframe)
        {
            let mut frame = Frame::new(timeframe, watermark);
            frame.forming = self
                .seed_forming(timeframe, warm_up, watermark)
                .into_iter()
                .collect();
            self.frames.insert(at, frame);
            let closed = |bar: &Bar| watermark.is_some_and(|watermark| bar.end <= watermark);
            let closed: Vec<Bar> = self.minutes.iter().map(Minute::peek).filter(closed).collect();
            for minute in closed {
                self.open_longer(minute.start);
            }
        }
        &mut self.frames[at]
    }

    fn seed_forming(
        &mut self,
        timeframe: Timeframe,
        warm_up: &WarmUp,
        watermark: Option<UnixNanos>,
    ) -> Option<LongerBar> {
        let stored = warm_up.forming?;
        let session = self.session_at(stored.start).ok().flatten()?;
        let (start, end) = session.bar(timeframe, stored.start)?;
        watermark
            .is_none_or(|watermark| end > watermark)
            .then_some(LongerBar {
                start,
                end,
                day: bar_day(&session),
                settled: Some(Forming::open_with(start, end, &stored)),
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

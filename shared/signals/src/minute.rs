//! An instrument's bars while ticks still change them: minutes, and what longer bars are of them.

use serde::{Deserialize, Serialize};
use tickwire_market::{Bar, Forming, Tick, UnixNanos};

/// A minute: open, or closed and not settled yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Minute {
    bar: Forming,
    /// Day of its session.
    pub(crate) day: i32,
    /// Exchange time of the tick that gave the open.
    first: UnixNanos,
    /// Exchange time of the tick that gave the close.
    last: UnixNanos,
}

impl Minute {
    /// Of `[start, end)`, with its first tick, which adds the quantity `traded`.
    pub(crate) fn open(
        (start, end): (UnixNanos, UnixNanos),
        day: i32,
        tick: &Tick,
        traded: Option<f64>,
    ) -> Self {
        Self {
            bar: Forming::open(start, end, tick.price, traded, tick.open_interest),
            day,
            first: tick.exchange_time,
            last: tick.exchange_time,
        }
    }

    /// One whose ticks took their places as they came.
    pub(crate) fn as_they_came(bar: Forming, day: i32) -> Self {
        Self {
            bar,
            day,
            first: UnixNanos(i64::MIN),
            last: UnixNanos(i64::MIN),
        }
    }

    /// Adds a tick: as the last if it is as old as that or younger, `by_exchange_time`; else it is
    /// the last because it came last.
    pub(crate) fn take(&mut self, tick: &Tick, traded: Option<f64>, by_exchange_time: bool) {
        let time = tick.exchange_time;
        if time >= self.last || !by_exchange_time {
            self.bar.fold(tick.price, traded, tick.open_interest);
            self.last = time;
            return;
        }
        let is_first = time < self.first;
        if is_first {
            self.first = time;
        }
        self.bar
            .fold_older(tick.price, traded, tick.open_interest, is_first);
    }

    /// The bar as it stands.
    pub(crate) fn peek(&self) -> Bar {
        self.bar.peek()
    }
}

/// A longer bar of which minutes have closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct LongerBar {
    pub(crate) start: UnixNanos,
    pub(crate) end: UnixNanos,
    /// Day of its session.
    pub(crate) day: i32,
    /// The join of those of its minutes that are settled.
    pub(crate) settled: Option<Forming>,
}

impl LongerBar {
    /// Adds the next minute to those that are settled.
    pub(crate) fn settle(&mut self, minute: &Bar) {
        match &mut self.settled {
            Some(settled) => settled.merge(minute),
            None => self.settled = Some(Forming::open_with(self.start, self.end, minute)),
        }
    }

    /// The bar: the join of what is settled and of its other minutes, so that it is the same
    /// bits however it came about. `None` if there are none.
    pub(crate) fn joined(&self, minutes: &[Minute]) -> Option<Bar> {
        let mut whole = *self;
        for minute in minutes.iter().map(Minute::peek) {
            if minute.start >= self.start && minute.end <= self.end {
                whole.settle(&minute);
            }
        }
        whole.settled.map(|bar| bar.peek())
    }
}

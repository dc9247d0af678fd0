//! Trading sessions: dated tables, one calendar a market.

mod calendar;
mod mcx;
mod nse;
mod table;
mod us_equities;

pub use calendar::Calendar;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Timeframe, UnixNanos};

/// One trading session, `[open, close)`. Look one up in a [`Calendar`] and
/// keep it as long as it [`contains`](Self::contains) the times asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The trading day that the session is named after, in the exchange's time
    /// zone.
    pub day: Date,
    /// First nanosecond of the session.
    pub open: UnixNanos,
    /// First nanosecond after it.
    pub close: UnixNanos,
}

impl Session {
    /// Whether `time` is inside the session.
    pub fn contains(&self, time: UnixNanos) -> bool {
        self.open <= time && time < self.close
    }

    /// Start and end of the bar that `time` falls in: bars are aligned to the
    /// session's open, the last one is cut at the close, and `1d` is the whole
    /// session. Absent outside the session and for ticks.
    pub fn bar(&self, timeframe: Timeframe, time: UnixNanos) -> Option<(UnixNanos, UnixNanos)> {
        let minutes = timeframe.as_minutes()?;
        if !self.contains(time) {
            return None;
        }
        if timeframe == Timeframe::DAY {
            return Some((self.open, self.close));
        }
        let length = i64::from(minutes) * UnixNanos::PER_MINUTE;
        let into_bar = time.nanos_since(self.open) % length;
        let start = time.saturating_add(-into_bar);
        Some((start, start.saturating_add(length).min(self.close)))
    }

    /// How many bars of `timeframe` it has that end by `time`; none of ticks.
    fn bars_by(&self, timeframe: Timeframe, time: UnixNanos) -> u64 {
        let Some(minutes) = timeframe.as_minutes() else {
            return 0;
        };
        if timeframe == Timeframe::DAY || time <= self.open {
            return u64::from(timeframe == Timeframe::DAY && time >= self.close);
        }
        let length = i64::from(minutes) * UnixNanos::PER_MINUTE;
        let passed = time.min(self.close).nanos_since(self.open);
        // The last one is cut at the close.
        let cut = i64::from(time >= self.close && passed % length != 0);
        (passed / length + cut).unsigned_abs()
    }
}

//! Gaps: where bars are missing by the sessions of the exchange.

use tickwire_market::{Calendar, Timeframe, UnixNanos};
use tickwire_wire::GapRow;

/// Gaps that are told one by one.
pub const GAPS_TOLD_MAX: usize = 100;

/// Finds the gaps between bars that it is shown in the order of time.
#[derive(Clone, Debug)]
pub struct GapFinder {
    calendar: Calendar,
    timeframe: Timeframe,
    /// By when all is seen; none before the first bar.
    seen_until: Option<UnixNanos>,
    /// The first of them.
    pub gaps: Vec<GapRow>,
    /// Bars missing in all of them.
    pub missing: u64,
}

impl GapFinder {
    /// Of bars of `timeframe`, from `from` on, or from the first bar on.
    pub fn new(calendar: Calendar, timeframe: Timeframe, from: Option<UnixNanos>) -> Self {
        Self {
            calendar,
            timeframe,
            seen_until: from,
            gaps: Vec::new(),
            missing: 0,
        }
    }

    /// There is a bar from `start` to `end`.
    pub fn bar(&mut self, start: UnixNanos, end: UnixNanos) {
        self.until(start);
        self.seen_until = self.seen_until.max(Some(end));
    }

    /// There is no further bar that ends by `time`. What the calendar does not know is no gap.
    pub fn until(&mut self, time: UnixNanos) {
        let Some(from) = self.seen_until.filter(|from| *from < time) else {
            return;
        };
        self.seen_until = Some(time);
        let missing = self.calendar.bars_between(self.timeframe, from, time);
        if let Ok(bars @ 1..) = missing {
            self.missing += bars;
            if self.gaps.len() < GAPS_TOLD_MAX {
                self.gaps.push(GapRow { from, to: time, bars });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_exchange_was_open_for_and_nothing_is_stored_of() {
        let at = |text: &str| UnixNanos::try_from(text.parse::<jiff::Timestamp>().unwrap()).unwrap();
        let mut finder = GapFinder::new(Calendar::UsEquities, Timeframe::MINUTE, None);
        let mut minute = |text: &str| {
            let start = at(text);
            finder.bar(start, start.saturating_add(UnixNanos::PER_MINUTE));
        };
        // The half day before Independence Day: its end, the holiday and the weekend are none.
        minute("2024-07-03T16:57:00Z");
        minute("2024-07-03T16:59:00Z");
        minute("2024-07-05T13:30:00Z");
        minute("2024-07-05T13:31:00Z");
        minute("2024-07-05T19:59:00Z");
        minute("2024-07-08T13:32:00Z");
        let expected = [
            ("2024-07-03T16:58:00Z", "2024-07-03T16:59:00Z", 1),
            ("2024-07-05T13:32:00Z", "2024-07-05T19:59:00Z", 387),
            ("2024-07-05T20:00:00Z", "2024-07-08T13:32:00Z", 2),
        ];
        let expected = expected.map(|(from, to, bars)| GapRow {
            from: at(from),
            to: at(to),
            bars,
        });
        assert_eq!(finder.gaps, expected);
        assert_eq!(finder.missing, 390);
        finder.until(at("2024-07-08T13:34:00Z"));
        finder.until(at("2024-07-08T13:34:00Z"));
        assert_eq!((finder.missing, finder.gaps.len()), (391, 4));
    }
}

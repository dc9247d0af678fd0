//! Times of bars as text: the day of bars of a day, else the bar's start in UTC.

use std::io::Write;

use jiff::tz::TimeZone;
use tickwire_market::Bar;

use crate::report::UtcText;

/// Writes times.
pub(super) struct TimeText {
    /// Whether only days are told, by the zone.
    days: bool,
    zone: TimeZone,
    times: UtcText,
    text: Vec<u8>,
}

impl TimeText {
    pub(super) fn new(days: bool, zone: TimeZone) -> Self {
        Self {
            days,
            zone,
            times: UtcText::default(),
            text: Vec::new(),
        }
    }

    pub(super) fn tells_days(&self) -> bool {
        self.days
    }

    /// A session is named after the day it ends.
    pub(super) fn date(&self, bar: &Bar) -> jiff::civil::Date {
        let within = bar.end.saturating_add(-1);
        self.zone.to_datetime(within.into()).date()
    }

    /// `2026-11-21` or `2026-11-21T09:30:00Z`.
    pub(super) fn of(&mut self, bar: &Bar) -> &[u8] {
        self.text.clear();
        if self.days {
            // Writing into memory does not fail.
            let _ = write!(self.text, "{}", self.date(bar));
            return &self.text;
        }
        self.times.push(bar.start.0, &mut self.text);
        self.text.push(b'Z');
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use tickwire_market::UnixNanos;

    use super::*;

    #[test]
    fn days_and_times() {
        let check = |days: bool, zone: &str, start: &str, minutes: i64, expected: &str| {
            let start = UnixNanos::try_from(start.parse::<jiff::Timestamp>().unwrap()).unwrap();
            let bar = Bar {
                start,
                end: start.saturating_add(minutes * UnixNanos::PER_MINUTE),
                open: 1.0,
                high: 1.0,
                low: 1.0,
                close: 1.0,
                volume: None,
                open_interest: None,
                ticks: 1,
            };
            let mut text = TimeText::new(days, TimeZone::get(zone).unwrap());
            assert_eq!(String::from_utf8_lossy(text.of(&bar)), expected);
            assert_eq!(String::from_utf8_lossy(text.of(&bar)), expected);
        };
        check(
            false,
            "Asia/Kolkata",
            "2026-11-21T09:30:05Z",
            1,
            "2026-11-21T09:30:05Z",
        );
        check(
            false,
            "UTC",
            "1969-12-31T23:59:59.25Z",
            1,
            "1969-12-31T23:59:59.25Z",
        );
        check(true, "UTC", "2026-11-21T00:00:00Z", 1_440, "2026-11-21");
        check(
            true,
            "America/New_York",
            "2026-11-20T22:00:00Z",
            1_440,
            "2026-11-21",
        );
    }
}

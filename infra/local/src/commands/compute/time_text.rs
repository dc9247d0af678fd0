//! Times of bars as text: the day of bars of a day, else the bar's start in UTC.

use std::io::Write;

use jiff::tz::TimeZone;
use tickwire_market::{Bar, UnixNanos};

const DAY_NANOS: i64 = 24 * 60 * UnixNanos::PER_MINUTE;

/// Writes times; keeps the day of the last one.
pub(super) struct TimeText {
    /// Whether only days are told, by the zone.
    days: bool,
    zone: TimeZone,
    /// Start of a day, and its text.
    day: Option<(i64, [u8; 10])>,
    text: Vec<u8>,
}

impl TimeText {
    pub(super) fn new(days: bool, zone: TimeZone) -> Self {
        Self {
            days,
            zone,
            day: None,
            text: Vec::new(),
        }
    }

    /// `2026-11-21` or `2026-11-21T09:30:00Z`.
    pub(super) fn of(&mut self, bar: &Bar) -> &[u8] {
        self.text.clear();
        if self.days {
            // A session is named after the day it ends.
            let within = bar.end.saturating_add(-1);
            let date = self.zone.to_datetime(within.into()).date();
            // Writing into memory does not fail.
            let _ = write!(self.text, "{date}");
            return &self.text;
        }
        let into_day = bar.start.0.rem_euclid(DAY_NANOS);
        let start = bar.start.0 - into_day;
        let date = match self.day {
            Some((of, date)) if of == start => date,
            _ => {
                let mut date = [0; 10];
                let day = TimeZone::UTC.to_datetime(UnixNanos(start).into()).date();
                let _ = write!(&mut date[..], "{day}");
                self.day = Some((start, date));
                date
            }
        };
        self.text.extend_from_slice(&date);
        let seconds = into_day / UnixNanos::PER_SECOND;
        let _ = write!(
            self.text,
            "T{:02}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        );
        let nanos = into_day % UnixNanos::PER_SECOND;
        if nanos > 0 {
            let digits = format!("{nanos:09}");
            let _ = write!(self.text, ".{}", digits.trim_end_matches('0'));
        }
        self.text.push(b'Z');
        &self.text
    }
}

#[cfg(test)]
mod tests {
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

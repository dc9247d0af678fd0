//! Times as text, many of one day after another.

use std::io::Write;

use jiff::tz::TimeZone;
use tickwire_market::UnixNanos;

const DAY_NANOS: i64 = 24 * 60 * UnixNanos::PER_MINUTE;

/// Writes times of UTC; keeps the text of the last day.
#[derive(Debug, Default)]
pub(crate) struct UtcText {
    /// Start of a day, and its text.
    day: Option<(i64, [u8; 10])>,
}

impl UtcText {
    /// `2026-11-21T09:30:00`, with as many decimals as there are, without an offset.
    pub(crate) fn push(&mut self, nanos: i64, text: &mut Vec<u8>) {
        let into_day = nanos.rem_euclid(DAY_NANOS);
        let start = nanos - into_day;
        let date = match self.day {
            Some((of, date)) if of == start => date,
            _ => {
                let mut date = [0; 10];
                let day = TimeZone::UTC.to_datetime(UnixNanos(start).into()).date();
                // Writing into memory does not fail.
                let _ = write!(&mut date[..], "{day}");
                self.day = Some((start, date));
                date
            }
        };
        text.extend_from_slice(&date);
        let seconds = into_day / UnixNanos::PER_SECOND;
        let _ = write!(
            text,
            "T{:02}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        );
        let nanos = into_day % UnixNanos::PER_SECOND;
        if nanos > 0 {
            let digits = format!("{nanos:09}");
            let _ = write!(text, ".{}", digits.trim_end_matches('0'));
        }
    }
}

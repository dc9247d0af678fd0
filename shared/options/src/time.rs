//! Time to expiry.

use tickwire_market::{Calendar, UnixNanos};

/// Nanoseconds in a year of 365 days.
const YEAR: f64 = 365.0 * 86_400.0 * 1e9;

/// When the contracts of an expiry day stop trading: the exchange's close, in
/// its time zone, also on days that close early.
///
/// # Errors
/// When the calendar does not answer for that day, or the day has no session.
pub fn expiry_close(calendar: Calendar, day: ExpiryDay) -> Result<UnixNanos, ExpiryDayError> {
    match calendar.session_on(day) {
        Ok(Some(session)) => Ok(session.close),
        Ok(None) => Err(ExpiryDayError::Closed { calendar, day }),
        Err(error) => Err(ExpiryDayError::Unknown(error)),
    }
}

/// The day of an expiry, in the exchange's time zone.
pub type ExpiryDay = jiff::civil::Date;

/// Why an expiry day has no close.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpiryDayError {
    /// The market is closed that day.
    #[error("{calendar} has no session on {day}: an expiry falls on a trading day")]
    Closed {
        /// Which.
        calendar: Calendar,
        /// Which day.
        day: ExpiryDay,
    },
    /// The calendar does not answer for that day.
    #[error(transparent)]
    Unknown(#[from] tickwire_market::SessionError),
}

/// Years of 365 days from `now` to `close`, exact to the nanosecond; 0 at the
/// close and after.
pub fn years_to(close: UnixNanos, now: UnixNanos) -> f64 {
    close.nanos_since(now).max(0) as f64 / YEAR
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn expiry_day_to_the_second() {
        let close = expiry_close(Calendar::Nse, date(2025, 1, 30)).unwrap();
        // 15:30 in India.
        assert_eq!(close.to_string(), "2025-01-30T10:00:00Z");
        let second = UnixNanos::PER_SECOND;
        assert_eq!(years_to(close, close), 0.0);
        assert_eq!(years_to(close, close.saturating_add(second)), 0.0);
        assert_eq!(years_to(close, close.saturating_add(-second)), 1.0 / 31_536_000.0);
        assert_eq!(years_to(close, close.saturating_add(-365 * 86_400 * second)), 1.0);
        // 16:00 in New York, summer and winter; 13:00 the day after Thanksgiving.
        let check = |day, expected: &str| {
            let close = expiry_close(Calendar::UsEquities, day).unwrap();
            assert_eq!(close.to_string(), expected);
        };
        check(date(2025, 6, 20), "2025-06-20T20:00:00Z");
        check(date(2025, 1, 17), "2025-01-17T21:00:00Z");
        check(date(2025, 11, 28), "2025-11-28T18:00:00Z");
        assert!(expiry_close(Calendar::Nse, date(2025, 1, 26)).is_err());
    }
}

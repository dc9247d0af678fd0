//! A market's dated table of sessions.

use jiff::civil::{Date, Time, Weekday};

/// First and last local time of a session, both on its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) open: Time,
    pub(super) close: Time,
}

/// Hours on the minute, from `(hour, minute)` to `(hour, minute)`.
pub(super) const fn hours(open: (i8, i8), close: (i8, i8)) -> Hours {
    Hours { open: Time::constant(open.0, open.1, 0, 0), close: Time::constant(close.0, close.1, 0, 0) }
}

/// What differs in one year from "open Monday to Friday". Days are written
/// month * 100 + day: 704 is 4 July.
#[derive(Clone, Copy, Debug)]
pub(super) struct Year {
    pub(super) year: i16,
    /// Weekdays without a session, ascending.
    pub(super) closed: &'static [u16],
    /// Weekdays with the table's short session, ascending.
    pub(super) short: &'static [u16],
}

/// A session at unusual hours, also on a weekend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    pub(super) day: Date,
    pub(super) hours: Hours,
}

/// A special session on a day, at hours.
pub(super) const fn special(year: i16, month: i8, day: i8, hours: Hours) -> Special {
    Special { day: Date::constant(year, month, day), hours }
}

/// A market's table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) regular: Hours,
    pub(super) short: Hours,
    /// Consecutive years; the first and the last are the table's span.
    pub(super) years: &'static [Year],
    /// Ascending; they outweigh the years.
    pub(super) specials: &'static [Special],
}

impl Table {
    /// First and last day that the table knows.
    pub(super) fn span(&self) -> (Date, Date) {
        let year = |row: Option<&Year>| row.map_or(0, |row| row.year);
        let (first, last) = (year(self.years.first()), year(self.years.last()));
        (Date::constant(first, 1, 1), Date::constant(last, 12, 31))
    }

    /// The day's hours, if it has a session. The day must be in the span.
    pub(super) fn hours(&self, day: Date) -> Option<Hours> {
        if let Ok(at) = self.specials.binary_search_by_key(&day, |special| special.day) {
            return Some(self.specials[at].hours);
        }
        if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return None;
        }
        let first = self.years.first()?.year;
        let year = self.years.get(usize::try_from(day.year() - first).ok()?)?;
        let month_day = u16::from(day.month().unsigned_abs()) * 100 + u16::from(day.day().unsigned_abs());
        if year.closed.binary_search(&month_day).is_ok() {
            None
        } else if year.short.binary_search(&month_day).is_ok() {
            Some(self.short)
        } else {
            Some(self.regular)
        }
    }
}

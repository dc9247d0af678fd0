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
    Hours {
        open: Time::constant(open.0, open.1, 0, 0),
        close: Time::constant(close.0, close.1, 0, 0),
    }
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

/// A year, its closed days and its short days.
pub(super) const fn year(year: i16, closed: &'static [u16], short: &'static [u16]) -> Year {
    Year { year, closed, short }
}

/// A session at unusual hours, also on a weekend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    pub(super) day: Date,
    pub(super) hours: Hours,
}

/// A special session on a day, at hours.
pub(super) const fn special(year: i16, month: i8, day: i8, hours: Hours) -> Special {
    Special {
        day: Date::constant(year, month, day),
        hours,
    }
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

#[cfg(test)]
mod tests {
    use super::super::{mcx, nse, us_equities};
    use super::*;

    /// Every table is well formed: a slip of the pen shows here.
    #[test]
    fn tables_are_well_formed() {
        for table in [&nse::TABLE, &mcx::TABLE, &us_equities::TABLE] {
            for years in table.years.windows(2) {
                assert_eq!(years[0].year + 1, years[1].year);
            }
            for row in table.years {
                for days in [row.closed, row.short] {
                    assert!(days.is_sorted_by(|day, next| day < next), "{row:?}");
                    for day in days {
                        let (month, day) =
                            (i8::try_from(day / 100).unwrap(), i8::try_from(day % 100).unwrap());
                        let date = Date::new(row.year, month, day).unwrap();
                        assert!(
                            !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday),
                            "{date}"
                        );
                        assert!(
                            table.specials.iter().all(|special| special.day != date),
                            "{date} twice"
                        );
                    }
                }
                assert!(row.closed.iter().all(|day| !row.short.contains(day)), "{row:?}");
            }
            assert!(
                table
                    .specials
                    .is_sorted_by(|special, next| special.day < next.day)
            );
            let (first, last) = table.span();
            for special in table.specials {
                assert!(special.day >= first && special.day <= last);
                assert!(special.hours.open < special.hours.close);
            }
            assert!(table.regular.open < table.regular.close);
            assert!(table.short.open < table.short.close);
        }
    }

    /// The sum over all years, so that no row changes unseen.
    #[test]
    fn sessions_by_year_are_as_published() {
        let sessions = |table: &Table, year| {
            let first = Date::new(year, 1, 1).unwrap();
            first
                .series(jiff::ToSpan::days(1))
                .take_while(|day| day.year() == year)
                .filter(|day| table.hours(*day).is_some())
                .count()
        };
        let check = |year, expected| assert_eq!(sessions(&us_equities::TABLE, year), expected, "{year}");
        check(2000, 252);
        check(2001, 248);
        check(2012, 250);
        check(2018, 251);
        check(2020, 253);
        check(2024, 252);
        check(2025, 250);
        check(2026, 251);
    }

    /// Both exchanges keep the same holidays; MCX opens in the evening of most.
    #[test]
    fn mcx_keeps_the_holidays_of_nse() {
        for mcx in mcx::TABLE.years {
            let nse = nse::TABLE.years.iter().find(|nse| nse.year == mcx.year).unwrap();
            let mut holidays = [mcx.closed, mcx.short].concat();
            holidays.sort_unstable();
            assert_eq!(holidays, nse.closed, "{}", mcx.year);
        }
    }
}

//! Times as files write them.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use thiserror::Error;
use tickwire_market::UnixNanos;

use super::error::FeedError;

/// Which of day and month comes first in dates such as `01/02/2020`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Day, month, year.
    DayFirst,
    /// Month, day, year.
    MonthFirst,
}

impl FromStr for DateOrder {
    type Err = FeedError;

    /// Reads `dmy` or `mdy`.
    fn from_str(text: &str) -> Result<Self, FeedError> {
        match text.to_ascii_lowercase().as_str() {
            "dmy" => Ok(Self::DayFirst),
            "mdy" => Ok(Self::MonthFirst),
            _ => Err(FeedError::UnknownDateOrder {
                found: text.to_owned(),
            }),
        }
    }
}

/// Why a time cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimeRefusal {
    /// None of the shapes.
    #[error(
        "write it like 2020-01-31T09:30:00.123Z, 2020-01-31 09:30:00, 31.01.2020 09:30:00.123, \
        20200131 093000123, 2020-01-31, or as an epoch in s, ms, us or ns"
    )]
    Shape,
    /// No such day.
    #[error("there is no such day")]
    Date,
    /// No such time of day.
    #[error("there is no such time of day")]
    TimeOfDay,
    /// Before 1677 or after 2262.
    #[error("it is outside 1677 to 2262")]
    OutOfRange,
    /// Day and month could be swapped.
    #[error("day and month could be swapped")]
    DateOrderUnclear,
}

/// A time as read, before a time zone is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// An epoch.
    Instant(UnixNanos),
    /// A day, with the time of day and the offset in seconds if told.
    Civil {
        date: Date,
        time: Option<Time>,
        offset: Option<i32>,
    },
    /// A time of day alone.
    TimeOfDay(Time),
}

/// Epochs below are seconds (until the year 5138), then milliseconds,
/// microseconds, nanoseconds.
const EPOCH_SECONDS_MAX: i64 = 100_000_000_000;
const EPOCH_MILLIS_MAX: i64 = EPOCH_SECONDS_MAX * 1_000;
const EPOCH_MICROS_MAX: i64 = EPOCH_MILLIS_MAX * 1_000;
/// Epochs below are too small to be told from other numbers (seconds: 1973).
const EPOCH_SECONDS_MIN: i64 = 100_000_000;

/// Reads a time of any of the shapes known.
///
/// Digits alone are a date (8), a date with a time of day (12, 14 or 17) if
/// they can be one from 1900 to 2199, else an epoch whose unit is told by its
/// magnitude.
pub(super) fn read(text: &[u8], order: Option<DateOrder>) -> Result<Moment, TimeRefusal> {
    let mut scan = Scan {
        rest: text.trim_ascii(),
    };
    let digits = scan.digits();
    match (digits.len(), scan.rest.first()) {
        (0, Some(letter)) if letter.is_ascii_alphabetic() => Err(TimeRefusal::Shape),
        (0, _) => Err(TimeRefusal::Shape),
        (8, Some(b' ' | b'T' | b'_')) => {
            let date = compact_date(digits)?;
            scan.rest = scan.rest.get(1..).unwrap_or_default();
            scan.time_and_offset(date)
        }
        (_, None | Some(b'.')) if !is_dotted_date(digits, scan.rest) => number(digits, scan.rest),
        (1 | 2, Some(b':')) => {
            let mut scan = Scan {
                rest: text.trim_ascii(),
            };
            let time = scan.time()?;
            if scan.rest.is_empty() {
                Ok(Moment::TimeOfDay(time))
            } else {
                Err(TimeRefusal::Shape)
            }
        }
        (_, Some(separator @ (b'-' | b'/' | b'.'))) => {
            let separator = *separator;
            let date = scan.date(digits, separator, order)?;
            match scan.rest.first() {
                None => Ok(Moment::Civil {
                    date,
                    time: None,
                    offset: None,
                }),
                Some(b' ' | b'T' | b't' | b'_' | b',') => {
                    scan.rest = scan.rest.get(1..).unwrap_or_default().trim_ascii_start();
                    scan.time_and_offset(date)
                }
                Some(_) => Err(TimeRefusal::Shape),
            }
        }
        _ => Err(TimeRefusal::Shape),
    }
}

/// Reads a time of day that stands beside a date: `HH:MM[:SS[.fff]]`,
/// `HHMM`, `HHMMSS` or `HHMMSSfff`.
pub(super) fn read_time_of_day(text: &[u8]) -> Result<Time, TimeRefusal> {
    let mut scan = Scan {
        rest: text.trim_ascii(),
    };
    let time = scan.time()?;
    if scan.rest.is_empty() {
        Ok(time)
    } else {
        Err(TimeRefusal::Shape)
    }
}

/// Which of day and month comes first, where only one of the orders is a date.
pub(super) fn order_of(text: &[u8]) -> Option<DateOrder> {
    let day_first = read(text, Some(DateOrder::DayFirst)).is_ok();
    let month_first = read(text, Some(DateOrder::MonthFirst)).is_ok();
    match (day_first, month_first) {
        (true, false) => Some(DateOrder::DayFirst),
        (false, true) => Some(DateOrder::MonthFirst),
        _ => None,
    }
}

/// `31.01.2020` and `2020.01.31`, and not the number `20.5`.
fn is_dotted_date(digits: &[u8], rest: &[u8]) -> bool {
    matches!(digits.len(), 1 | 2 | 4) && rest.strip_prefix(b".").is_some_and(|rest| rest.contains(&b'.'))
}

/// A date, a compact date and time, or an epoch.
fn number(digits: &[u8], rest: &[u8]) -> Result<Moment, TimeRefusal> {
    let fraction = rest.strip_prefix(b".").unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(TimeRefusal::Shape);
    }
    let century = matches!(digits.get(..2), Some(b"19" | b"20" | b"21"));
    if century && fraction.is_empty() && matches!(digits.len(), 8 | 12 | 14 | 17) {
        let (date, time) = digits.split_at_checked(8).unwrap_or((digits, &[]));
        if let Ok(date) = compact_date(date) {
            if time.is_empty() {
                return Ok(Moment::Civil {
                    date,
                    time: None,
                    offset: None,
                });
            }
            if let Ok(time) = compact_time(time) {
                return Ok(Moment::Civil {
                    date,
                    time: Some(time),
                    offset: None,
                });
            }
        }
    }
    let whole = int(digits).ok_or(TimeRefusal::OutOfRange)?;
    let unit = match whole {
        ..EPOCH_SECONDS_MIN => return Err(TimeRefusal::Shape),
        EPOCH_SECONDS_MIN..EPOCH_SECONDS_MAX => 1_000_000_000,
        EPOCH_SECONDS_MAX..EPOCH_MILLIS_MAX => 1_000_000,
        EPOCH_MILLIS_MAX..EPOCH_MICROS_MAX => 1_000,
        EPOCH_MICROS_MAX.. => 1,
    };
    let nanos = whole.checked_mul(unit).ok_or(TimeRefusal::OutOfRange)?;
    let below = nanoseconds(fraction) / (1_000_000_000 / unit);
    Ok(Moment::Instant(UnixNanos(nanos).saturating_add(below)))
}

fn int(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, digit| {
        value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
    })
}

/// The digits of a fraction of a second as nanoseconds; further digits are cut.
fn nanoseconds(fraction: &[u8]) -> i64 {
    (0..9).fold(0, |value, at| {
        value * 10 + fraction.get(at).map_or(0, |digit| i64::from(digit - b'0'))
    })
}

fn civil(year: i64, month: i64, day: i64) -> Result<Date, TimeRefusal> {
    let small = |value: i64| i8::try_from(value).map_err(|_| TimeRefusal::Date);
    let year = i16::try_from(year).map_err(|_| TimeRefusal::Date)?;
    Date::new(year, small(month)?, small(day)?).map_err(|_| TimeRefusal::Date)
}

/// `YYYYMMDD`.
fn compact_date(digits: &[u8]) -> Result<Date, TimeRefusal> {
    let value = int(digits).ok_or(TimeRefusal::Date)?;
    civil(value / 10_000, value / 100 % 100, value % 100)
}

/// `HHMM`, `HHMMSS`, `HHMMSSfff` or `HHMMSSffffff`.
fn compact_time(digits: &[u8]) -> Result<Time, TimeRefusal> {
    let pair = |at: usize| digits.get(at..at + 2).and_then(int);
    let (Some(hour), Some(minute)) = (pair(0), pair(2)) else {
        return Err(TimeRefusal::TimeOfDay);
    };
    match digits.len() {
        4 => time(hour, minute, 0, 0),
        6 | 9 | 12 => {
            let fraction = digits.get(6..).unwrap_or_default();
            time(hour, minute, pair(4).unwrap_or_default(), nanoseconds(fraction))
        }
        _ => Err(TimeRefusal::TimeOfDay),
    }
}

fn time(hour: i64, minute: i64, second: i64, nanosecond: i64) -> Result<Time, TimeRefusal> {
    let small = |value: i64| i8::try_from(value).map_err(|_| TimeRefusal::TimeOfDay);
    let nanosecond = i32::try_from(nanosecond).map_err(|_| TimeRefusal::TimeOfDay)?;
    Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond).map_err(|_| TimeRefusal::TimeOfDay)
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn digits(&mut self) -> &'a [u8] {
        self.while_true(u8::is_ascii_digit)
    }

    fn while_true(&mut self, is_in: impl Fn(&u8) -> bool) -> &'a [u8] {
        let length = self
            .rest
            .iter()
            .position(|byte| !is_in(byte))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.rest.first() == Some(&expected);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    /// The rest of a date whose first part is read.
    fn date(&mut self, first: &[u8], separator: u8, order: Option<DateOrder>) -> Result<Date, TimeRefusal> {
        self.take(separator);
        let second = self.while_true(u8::is_ascii_alphanumeric);
        if !self.take(separator) {
            return Err(TimeRefusal::Shape);
        }
        let third = self.digits();
        let (Some(a), Some(c)) = (int(first), int(third)) else {
            return Err(TimeRefusal::Date);
        };
        if let Some(month) = month_name(second) {
            return if first.len() == 4 {
                civil(a, month, c)
            } else {
                civil(c, month, a)
            };
        }
        if second.is_empty() || !second.iter().all(u8::is_ascii_digit) {
            return Err(TimeRefusal::Shape);
        }
        let b = int(second).ok_or(TimeRefusal::Date)?;
        match (first.len(), third.len()) {
            (4, 1 | 2) => civil(a, b, c),
            (1 | 2, 4) => match (separator, order) {
                (b'.', None) | (_, Some(DateOrder::DayFirst)) => civil(c, b, a),
                (_, Some(DateOrder::MonthFirst)) => civil(c, a, b),
                _ if a > 12 => civil(c, b, a),
                _ if b > 12 || a == b => civil(c, a, b),
                _ => Err(TimeRefusal::DateOrderUnclear),
            },
            _ => Err(TimeRefusal::Shape),
        }
    }

    /// `HH:MM[:SS[.fff]]` with `AM` or `PM` if told, or without colons.
    fn time(&mut self) -> Result<Time, TimeRefusal> {
        let first = self.digits();
        if !self.take(b':') {
            return compact_time(first);
        }
        let minute = self.digits();
        let second = if self.take(b':') { self.digits() } else { b"0" };
        let fraction = if self.take(b'.') || self.take(b',') {
            self.digits()
        } else {
            b""
        };
        let parts = [first, minute, second];
        if parts.iter().any(|part| part.is_empty() || part.len() > 2) {
            return Err(TimeRefusal::TimeOfDay);
        }
        let [Some(mut hour), Some(minute), Some(second)] = parts.map(int) else {
            return Err(TimeRefusal::TimeOfDay);
        };
        let half = self
            .rest
            .trim_ascii_start()
            .get(..2)
            .map(<[u8]>::to_ascii_uppercase);
        if let Some(half @ (b"AM" | b"PM")) = half.as_deref() {
            if !(1..=12).contains(&hour) {
                return Err(TimeRefusal::TimeOfDay);
            }
            hour = hour % 12 + if half == b"PM" { 12 } else { 0 };
            self.rest = self.rest.trim_ascii_start().get(2..).unwrap_or_default();
        }
        time(hour, minute, second, nanoseconds(fraction))
    }

    /// The time of day and the offset that may follow it: `Z`, `UTC`, `GMT`,
    /// `+HH`, `+HHMM`, `+HH:MM`, `GMT+HHMM`.
    fn time_and_offset(&mut self, date: Date) -> Result<Moment, TimeRefusal> {
        let time = Some(self.time()?);
        self.rest = self.rest.trim_ascii_start();
        let letters = self.while_true(u8::is_ascii_alphabetic).to_ascii_uppercase();
        let named = match letters.as_slice() {
            b"" => false,
            b"Z" | b"UTC" | b"GMT" => true,
            _ => return Err(TimeRefusal::Shape),
        };
        let sign = match self.rest.first() {
            None => {
                return Ok(Moment::Civil {
                    date,
                    time,
                    offset: named.then_some(0),
                });
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return Err(TimeRefusal::Shape),
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        let first = self.digits();
        let (hours, minutes) = match first.len() {
            1 | 2 if self.take(b':') => (first, self.digits()),
            1 | 2 => (first, &b"0"[..]),
            4 => first.split_at(2),
            _ => return Err(TimeRefusal::Shape),
        };
        let (Some(hours), Some(minutes)) = (int(hours), int(minutes)) else {
            return Err(TimeRefusal::Shape);
        };
        if !self.rest.is_empty() || hours > 24 || minutes > 59 {
            return Err(TimeRefusal::Shape);
        }
        let seconds =
            i32::try_from(sign * (hours * 3600 + minutes * 60)).map_err(|_| TimeRefusal::OutOfRange)?;
        Ok(Moment::Civil {
            date,
            time,
            offset: Some(seconds),
        })
    }
}

fn month_name(text: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
    ];
    let lower = text.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| *month == lower)?;
    i64::try_from(at + 1).ok()
}

/// The instant of a civil time: by its offset if it tells one, else in `zone`.
///
/// A time that the zone skips (clocks go forward) is moved on by the gap. One
/// that it repeats (clocks go back) is the first of the two, or the second
/// where the first would be before `last`, the time of the row before.
pub(super) fn instant(
    local: DateTime,
    offset: Option<i32>,
    zone: &TimeZone,
    last: Option<UnixNanos>,
) -> Result<UnixNanos, TimeRefusal> {
    let out_of_range = |_| TimeRefusal::OutOfRange;
    let nanos = |stamp: jiff::Timestamp| UnixNanos::try_from(stamp).map_err(|_| TimeRefusal::OutOfRange);
    if let Some(seconds) = offset {
        let offset = Offset::from_seconds(seconds).map_err(out_of_range)?;
        return nanos(offset.to_timestamp(local).map_err(out_of_range)?);
    }
    let either = zone.to_ambiguous_timestamp(local);
    let first = nanos(either.compatible().map_err(out_of_range)?)?;
    if either.is_ambiguous() && last.is_some_and(|last| first < last) {
        let second = nanos(either.later().map_err(out_of_range)?)?;
        return Ok(second);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str, order: Option<DateOrder>) -> Result<String, TimeRefusal> {
        match read(text.as_bytes(), order)? {
            Moment::Instant(time) => Ok(time.to_string()),
            Moment::TimeOfDay(time) => Ok(format!("{time}")),
            Moment::Civil { date, time: None, .. } => Ok(date.to_string()),
            Moment::Civil {
                date,
                time: Some(time),
                offset,
            } => instant(date.to_datetime(time), offset, &TimeZone::UTC, None).map(|time| time.to_string()),
        }
    }

    #[test]
    fn shapes() {
        let check =
            |text: &str, expected: &str| assert_eq!(utc(text, None).as_deref(), Ok(expected), "{text}");
        check("2020-01-31T09:30:00Z", "2020-01-31T09:30:00Z");
        check(
            "2020-01-31T09:30:00.123456789+05:30",
            "2020-01-31T04:00:00.123456789Z",
        );
        check("2020-01-31 09:30:00+0530", "2020-01-31T04:00:00Z");
        check("2020-01-31 09:30:00 -05", "2020-01-31T14:30:00Z");
        check("2020-01-31 09:30:00.5", "2020-01-31T09:30:00.5Z");
        check("2020-01-31 09:30", "2020-01-31T09:30:00Z");
        check("2020-01-31 09:30:00 UTC", "2020-01-31T09:30:00Z");
        check("31.01.2020 09:30:00.123", "2020-01-31T09:30:00.123Z");
        check("01.02.2020 09:30:00.000 GMT+0100", "2020-02-01T08:30:00Z");
        check("2020.01.31 09:30", "2020-01-31T09:30:00Z");
        check("20200131 093000123", "2020-01-31T09:30:00.123Z");
        check("20200131 093000", "2020-01-31T09:30:00Z");
        check("20200131 09:30:00.123", "2020-01-31T09:30:00.123Z");
        check("20200131T093000Z", "2020-01-31T09:30:00Z");
        check("20200131093000", "2020-01-31T09:30:00Z");
        check("20200131093000123", "2020-01-31T09:30:00.123Z");
        check("202001310930", "2020-01-31T09:30:00Z");
        check("2020-01-31", "2020-01-31");
        check("20200131", "2020-01-31");
        check("2020/1/3", "2020-01-03");
        check("31/01/2020 09:30", "2020-01-31T09:30:00Z");
        check("1/31/2020 9:30:00 PM", "2020-01-31T21:30:00Z");
        check("12/31/2020 12:05 AM", "2020-12-31T00:05:00Z");
        check("31-JAN-2020", "2020-01-31");
        check("31-Jan-2020 09:15:00", "2020-01-31T09:15:00Z");
        check("09:30:00", "09:30:00");
        check("1580463000", "2020-01-31T09:30:00Z");
        check("1580463000.25", "2020-01-31T09:30:00.25Z");
        check("1580463000123", "2020-01-31T09:30:00.123Z");
        check("1580463000123456", "2020-01-31T09:30:00.123456Z");
        check("1580463000123.456", "2020-01-31T09:30:00.123456Z");
        check("1580463000123456789", "2020-01-31T09:30:00.123456789Z");
    }

    #[test]
    fn refusals() {
        let check = |text: &str, expected| assert_eq!(utc(text, None), Err(expected), "{text}");
        check("", TimeRefusal::Shape);
        check("abc", TimeRefusal::Shape);
        check("1.12120", TimeRefusal::Shape);
        check("12", TimeRefusal::Shape);
        check("2020-01-31X", TimeRefusal::Shape);
        check("2020-01-31 09:30:00 IST", TimeRefusal::Shape);
        check("2020-01-31 09:30:00+5:3:0", TimeRefusal::Shape);
        check("2020-13-01", TimeRefusal::Date);
        check("2021-02-29", TimeRefusal::Date);
        check("2020-01-31 24:00:00", TimeRefusal::TimeOfDay);
        check("2020-01-31 09:60", TimeRefusal::TimeOfDay);
        check("2020-01-31 13:00 PM", TimeRefusal::TimeOfDay);
        check("20200131 0930001", TimeRefusal::TimeOfDay);
        check("01/02/2020", TimeRefusal::DateOrderUnclear);
        check("99999999999999999999", TimeRefusal::OutOfRange);
        check("9999-01-01 00:00", TimeRefusal::OutOfRange);
    }

    #[test]
    fn date_order() {
        let check =
            |text: &str, order, expected: &str| assert_eq!(utc(text, Some(order)).as_deref(), Ok(expected));
        check("01/02/2020", DateOrder::DayFirst, "2020-02-01");
        check("01/02/2020", DateOrder::MonthFirst, "2020-01-02");
        check("01-02-2020", DateOrder::MonthFirst, "2020-01-02");
        check("01.02.2020", DateOrder::MonthFirst, "2020-01-02");
    }

    #[test]
    fn date_order_has_names() {
        assert_eq!("dmy".parse::<DateOrder>().unwrap(), DateOrder::DayFirst);
        assert_eq!("MDY".parse::<DateOrder>().unwrap(), DateOrder::MonthFirst);
        assert!(
            "ymd"
                .parse::<DateOrder>()
                .unwrap_err()
                .to_string()
                .contains("write dmy or mdy")
        );
    }

    #[test]
    fn repeated_and_skipped_hours() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let check = |local: &str, last: Option<&str>, expected: &str| {
            let last = last.map(|time| time.parse::<jiff::Timestamp>().unwrap().try_into().unwrap());
            let found = instant(local.parse().unwrap(), None, &zone, last).unwrap();
            assert_eq!(found.to_string(), expected, "{local} after {last:?}");
        };
        check("2020-11-01T01:30:00", None, "2020-11-01T05:30:00Z");
        check(
            "2020-11-01T01:30:00",
            Some("2020-11-01T05:29:00Z"),
            "2020-11-01T05:30:00Z",
        );
        check(
            "2020-11-01T01:00:00",
            Some("2020-11-01T05:59:00Z"),
            "2020-11-01T06:00:00Z",
        );
        check("2020-03-08T02:30:00", None, "2020-03-08T07:30:00Z");
    }
}

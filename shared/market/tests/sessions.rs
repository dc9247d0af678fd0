//! Calendars against well known dates.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use tickwire_market::{Calendar, InstrumentKey, Session, SessionError, Timeframe, UnixNanos};

/// Nanoseconds of an RFC 3339 time.
fn at(text: &str) -> UnixNanos {
    UnixNanos::try_from(text.parse::<Timestamp>().unwrap()).unwrap()
}

fn minutes(minutes: u16) -> Timeframe {
    Timeframe::minutes(minutes).unwrap()
}

/// The day's session as `open close` in local time.
fn local_hours(calendar: Calendar, day: Date) -> Option<String> {
    let session = calendar.session_on(day).unwrap()?;
    let time = |time| {
        let local = Timestamp::from(time).to_zoned(calendar.time_zone());
        // The day shows only where it is another one.
        let format = if local.date() == day {
            "%H:%M"
        } else {
            "%m-%d %H:%M"
        };
        local.strftime(format).to_string()
    };
    Some(format!("{} {}", time(session.open), time(session.close)))
}

#[test]
fn us_equities_on_known_days() {
    let check = |year, month, day, expected: Option<&str>| {
        let day = date(year, month, day);
        assert_eq!(
            local_hours(Calendar::UsEquities, day).as_deref(),
            expected,
            "{day}"
        );
    };
    let (regular, half) = (Some("09:30 16:00"), Some("09:30 13:00"));
    // The ends of the span.
    check(2000, 1, 1, None);
    check(2000, 1, 3, regular);
    check(2028, 12, 25, None);
    check(2028, 12, 29, regular);
    check(2028, 12, 31, None);
    // Weekends.
    check(2024, 6, 15, None);
    check(2024, 6, 16, None);
    // Unscheduled closings, and the days around them.
    check(2001, 9, 10, regular);
    check(2001, 9, 11, None);
    check(2001, 9, 14, None);
    check(2001, 9, 17, regular);
    check(2002, 9, 11, Some("12:00 16:00"));
    check(2004, 6, 11, None);
    check(2007, 1, 2, None);
    check(2012, 10, 29, None);
    check(2012, 10, 30, None);
    check(2012, 10, 31, regular);
    check(2018, 12, 5, None);
    check(2025, 1, 9, None);
    // Half days.
    check(2003, 12, 26, half);
    check(2013, 7, 3, half);
    check(2023, 11, 24, half);
    check(2024, 12, 24, half);
    check(2026, 11, 27, half);
    check(2028, 7, 3, half);
    // A holiday on a Saturday is kept on Friday, on a Sunday on Monday, but
    // New Year's Day is not kept in the old year.
    check(2020, 7, 3, None);
    check(2021, 7, 5, None);
    check(2021, 12, 31, regular);
    check(2022, 12, 26, None);
    check(2027, 12, 24, None);
    check(2027, 12, 31, regular);
    // Juneteenth since 2022.
    check(2021, 6, 18, regular);
    check(2022, 6, 20, None);
    check(2023, 6, 19, None);
    // Good Friday.
    check(2024, 3, 29, None);
    check(2027, 3, 26, None);
}

#[test]
fn indian_markets_on_known_days() {
    let check = |calendar, year, month, day, expected: Option<&str>| {
        let day = date(year, month, day);
        assert_eq!(
            local_hours(calendar, day).as_deref(),
            expected,
            "{calendar} {day}"
        );
    };
    let nse = |year, month, day, expected| check(Calendar::Nse, year, month, day, expected);
    nse(2015, 1, 1, Some("09:15 15:30"));
    nse(2015, 2, 28, Some("09:15 15:30"));
    nse(2016, 10, 30, Some("18:30 19:30"));
    nse(2020, 11, 14, Some("18:15 19:15"));
    nse(2021, 2, 24, Some("09:15 17:00"));
    nse(2023, 11, 12, Some("18:15 19:15"));
    nse(2024, 1, 20, Some("09:15 15:30"));
    nse(2024, 1, 22, None);
    nse(2024, 5, 18, Some("09:15 12:40"));
    nse(2024, 5, 20, None);
    nse(2024, 11, 1, Some("18:00 19:00"));
    nse(2025, 10, 21, Some("13:45 14:45"));
    nse(2025, 10, 22, None);
    nse(2026, 1, 15, None);
    nse(2026, 1, 26, None);
    nse(2026, 2, 1, Some("09:15 15:30"));
    nse(2026, 11, 26, Some("09:15 15:30"));
    nse(2026, 12, 25, None);
    nse(2026, 12, 31, Some("09:15 15:30"));
    let mcx = |year, month, day, expected| check(Calendar::Mcx, year, month, day, expected);
    mcx(2024, 1, 1, Some("09:00 17:00"));
    mcx(2024, 1, 2, Some("09:00 23:30"));
    mcx(2024, 11, 20, Some("17:00 23:30"));
    mcx(2025, 2, 1, Some("09:00 17:00"));
    mcx(2025, 4, 18, None);
    mcx(2025, 10, 21, Some("13:45 14:45"));
    mcx(2025, 10, 22, Some("17:00 23:30"));
    mcx(2026, 1, 15, Some("17:00 23:30"));
    mcx(2026, 12, 25, None);
}

#[test]
fn daylight_saving_moves_the_session() {
    let check = |calendar: Calendar, day: Date, open: &str, close: &str| {
        let expected = Session {
            day,
            open: at(open),
            close: at(close),
        };
        assert_eq!(calendar.session_on(day), Ok(Some(expected)));
    };
    let us = Calendar::UsEquities;
    check(
        us,
        date(2024, 3, 8),
        "2024-03-08T14:30:00Z",
        "2024-03-08T21:00:00Z",
    );
    check(
        us,
        date(2024, 3, 11),
        "2024-03-11T13:30:00Z",
        "2024-03-11T20:00:00Z",
    );
    check(
        us,
        date(2024, 11, 1),
        "2024-11-01T13:30:00Z",
        "2024-11-01T20:00:00Z",
    );
    check(
        us,
        date(2024, 11, 4),
        "2024-11-04T14:30:00Z",
        "2024-11-04T21:00:00Z",
    );
    // Before 2007 it began in April.
    check(
        us,
        date(2006, 3, 31),
        "2006-03-31T14:30:00Z",
        "2006-03-31T21:00:00Z",
    );
    check(
        us,
        date(2006, 4, 3),
        "2006-04-03T13:30:00Z",
        "2006-04-03T20:00:00Z",
    );
    check(
        Calendar::Fx,
        date(2024, 3, 8),
        "2024-03-07T22:00:00Z",
        "2024-03-08T22:00:00Z",
    );
    check(
        Calendar::Fx,
        date(2024, 3, 11),
        "2024-03-10T21:00:00Z",
        "2024-03-11T21:00:00Z",
    );
    check(
        Calendar::Fx,
        date(2024, 11, 4),
        "2024-11-03T22:00:00Z",
        "2024-11-04T22:00:00Z",
    );
    check(
        Calendar::Nse,
        date(2024, 3, 11),
        "2024-03-11T03:45:00Z",
        "2024-03-11T10:00:00Z",
    );
    check(
        Calendar::Mcx,
        date(2024, 3, 11),
        "2024-03-11T03:30:00Z",
        "2024-03-11T18:00:00Z",
    );
    check(
        Calendar::Crypto,
        date(2024, 3, 10),
        "2024-03-10T00:00:00Z",
        "2024-03-11T00:00:00Z",
    );
}

#[test]
fn sessions_are_half_open() {
    let check = |calendar: Calendar, time: &str, expected: Option<Date>| {
        let session = calendar.session_at(at(time)).unwrap();
        assert_eq!(session.map(|session| session.day), expected, "{calendar} {time}");
    };
    let us = Calendar::UsEquities;
    check(us, "2024-07-05T13:29:59.999999999Z", None);
    check(us, "2024-07-05T13:30:00Z", Some(date(2024, 7, 5)));
    check(us, "2024-07-05T19:59:59.999999999Z", Some(date(2024, 7, 5)));
    check(us, "2024-07-05T20:00:00Z", None);
    check(us, "2024-07-03T16:59:59Z", Some(date(2024, 7, 3)));
    check(us, "2024-07-03T17:00:00Z", None);
    check(us, "2024-07-04T15:00:00Z", None);
    // Foreign exchange: Monday begins on Sunday, and Friday's end is the end.
    check(Calendar::Fx, "2024-07-07T20:59:59.999999999Z", None);
    check(Calendar::Fx, "2024-07-07T21:00:00Z", Some(date(2024, 7, 8)));
    check(Calendar::Fx, "2024-07-08T21:00:00Z", Some(date(2024, 7, 9)));
    check(
        Calendar::Fx,
        "2024-07-12T20:59:59.999999999Z",
        Some(date(2024, 7, 12)),
    );
    check(Calendar::Fx, "2024-07-12T21:00:00Z", None);
    check(Calendar::Fx, "2024-07-13T12:00:00Z", None);
    check(Calendar::Fx, "2024-12-25T12:00:00Z", Some(date(2024, 12, 25)));
    check(
        Calendar::Crypto,
        "2024-02-29T23:59:59.999999999Z",
        Some(date(2024, 2, 29)),
    );
    check(Calendar::Crypto, "2024-03-01T00:00:00Z", Some(date(2024, 3, 1)));
}

#[test]
fn bars_are_counted_by_the_sessions() {
    let check = |calendar: Calendar, timeframe: Timeframe, from: &str, to: &str, expected: u64| {
        let bars = calendar.bars_between(timeframe, at(from), at(to));
        assert_eq!(bars, Ok(expected), "{calendar} {timeframe} {from} {to}");
    };
    let us = Calendar::UsEquities;
    let (minute, hour, day) = (minutes(1), minutes(60), Timeframe::DAY);
    // Wednesday before Independence Day ends at 13:00; Thursday has no session.
    let (from, to) = ("2024-07-02T20:00:00Z", "2024-07-05T20:00:00Z");
    check(us, day, from, to, 2);
    check(us, minute, from, to, 210 + 390);
    // Of a day of six hours and a half the last hour is cut; of the half day too.
    check(us, hour, from, to, 4 + 7);
    check(us, minute, "2024-07-03T16:58:00Z", "2024-07-05T13:32:00Z", 2 + 2);
    check(us, day, "2024-07-03T16:59:59Z", "2024-07-03T17:00:00Z", 1);
    check(us, day, "2024-07-03T17:00:00Z", "2024-07-05T19:59:59Z", 0);
    // The weekend on which the clocks go forward: Friday's last hour and Monday's first.
    check(
        us,
        minute,
        "2024-03-08T20:00:00Z",
        "2024-03-11T14:30:00Z",
        60 + 60,
    );
    // Foreign exchange goes on for 24 hours on the days of the change too.
    check(
        Calendar::Fx,
        hour,
        "2024-03-10T21:00:00Z",
        "2024-03-11T21:00:00Z",
        24,
    );
    check(
        Calendar::Crypto,
        hour,
        "2024-03-10T00:00:00Z",
        "2024-03-12T00:00:00Z",
        48,
    );
    check(
        Calendar::Crypto,
        hour,
        "2024-03-10T00:00:00Z",
        "2024-03-10T00:59:59Z",
        0,
    );
    check(us, minute, to, from, 0);
    check(us, Timeframe::TICK, from, to, 0);
    let outside = us.bars_between(minute, at("1999-12-31T00:00:00Z"), at("2000-01-05T00:00:00Z"));
    assert!(matches!(outside, Err(SessionError::OutsideSpan { .. })));
}

#[test]
fn the_next_session_opens_later() {
    let check = |calendar: Calendar, after: &str, expected: &str| {
        assert_eq!(
            calendar.next_session(at(after)).unwrap().open,
            at(expected),
            "{calendar} {after}"
        );
    };
    let us = Calendar::UsEquities;
    check(us, "2024-07-03T13:29:59Z", "2024-07-03T13:30:00Z");
    check(us, "2024-07-03T13:30:00Z", "2024-07-05T13:30:00Z");
    check(us, "2024-07-05T20:00:00Z", "2024-07-08T13:30:00Z");
    check(us, "2001-09-10T20:00:00Z", "2001-09-17T13:30:00Z");
    check(Calendar::Nse, "2024-01-19T10:00:00Z", "2024-01-20T03:45:00Z");
    check(Calendar::Nse, "2024-01-20T10:00:00Z", "2024-01-23T03:45:00Z");
    check(Calendar::Fx, "2024-07-12T12:00:00Z", "2024-07-14T21:00:00Z");
    check(Calendar::Crypto, "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z");
}

#[test]
fn outside_the_span_is_an_error() {
    for calendar in Calendar::ALL {
        let (first, last) = calendar.span();
        assert!(calendar.session_on(first).is_ok());
        assert!(calendar.session_on(last).is_ok());
        for day in [
            first.yesterday().unwrap(),
            last.tomorrow().unwrap(),
            Date::MIN,
            Date::MAX,
        ] {
            let expected = SessionError::OutsideSpan {
                calendar,
                day,
                first,
                last,
            };
            assert_eq!(calendar.session_on(day), Err(expected));
        }
        for time in [UnixNanos(i64::MIN), UnixNanos(i64::MAX)] {
            assert!(matches!(
                calendar.session_at(time),
                Err(SessionError::OutsideSpan { .. })
            ));
            assert!(matches!(
                calendar.next_session(time),
                Err(SessionError::OutsideSpan { .. })
            ));
        }
    }
    let error = Calendar::Nse
        .next_session(at("2026-12-31T12:00:00Z"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "nse sessions are known from 2015-01-01 to 2026-12-31, not for 2027-01-01: extend the table"
    );
}

#[test]
fn calendars_by_exchange() {
    let check = |key: &str, expected| {
        assert_eq!(Calendar::of(&InstrumentKey::parse(key).unwrap()), Ok(expected));
    };
    check("NSE@NIFTY@IDX", Calendar::Nse);
    check("BFO@SENSEX@FUT@2026-11-26", Calendar::Nse);
    check("MCX@GOLD@FUT@2026-12-04", Calendar::Mcx);
    check("NASDAQ@AAPL@EQ", Calendar::UsEquities);
    check("OPRA@AAPL@OPT@2026-12-18@CE@200", Calendar::UsEquities);
    check("OANDA@EURUSD@SPOT", Calendar::Fx);
    check("DERIBIT@BTC@PERP", Calendar::Crypto);
    let unknown = Calendar::of(&InstrumentKey::parse("LSE@VOD@EQ").unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        unknown.starts_with("no calendar for exchange LSE: known are NSE BSE"),
        "{unknown}"
    );
    assert!(unknown.contains("BINANCE"), "{unknown}");
}

#[test]
fn bars_are_aligned_to_the_open() {
    let nse = Calendar::Nse.session_on(date(2024, 7, 5)).unwrap().unwrap();
    let check = |timeframe: &str, time: &str, expected: Option<(&str, &str)>| {
        let ist = |time: &str| at(&format!("2024-07-05T{time}+05:30"));
        let bar = nse.bar(timeframe.parse().unwrap(), ist(time));
        assert_eq!(
            bar,
            expected.map(|(start, end)| (ist(start), ist(end))),
            "{timeframe} {time}"
        );
    };
    check("1m", "09:15:00", Some(("09:15:00", "09:16:00")));
    check("1m", "09:15:59.999999999", Some(("09:15:00", "09:16:00")));
    check("1m", "09:16:00", Some(("09:16:00", "09:17:00")));
    check("1h", "10:14:59", Some(("09:15:00", "10:15:00")));
    check("1h", "10:15:00", Some(("10:15:00", "11:15:00")));
    check("1h", "15:15:00", Some(("15:15:00", "15:30:00")));
    check("4h", "13:15:00", Some(("13:15:00", "15:30:00")));
    check("7m", "15:29:59", Some(("15:26:00", "15:30:00")));
    check("23h", "12:00:00", Some(("09:15:00", "15:30:00")));
    check("1d", "12:00:00", Some(("09:15:00", "15:30:00")));
    check("tick", "12:00:00", None);
    check("1m", "09:14:59", None);
    check("1d", "15:30:00", None);
}

proptest! {
    #[test]
    fn a_session_is_found_from_inside_and_only_there(
        calendar in proptest::sample::select(&Calendar::ALL[..]),
        days in 0i32..1095,
        thousandth in 0i64..1000,
    ) {
        let day = date(2024, 1, 1).saturating_add(jiff::ToSpan::days(days));
        let Some(session) = calendar.session_on(day).unwrap() else { return Ok(()) };
        prop_assert!(session.open < session.close);
        let inside = session.open.saturating_add(session.close.nanos_since(session.open) / 1000 * thousandth);
        for time in [session.open, inside, session.close.saturating_add(-1)] {
            prop_assert_eq!(calendar.session_at(time), Ok(Some(session)));
        }
        prop_assert_ne!(calendar.session_at(session.close).unwrap_or(None), Some(session));
        prop_assert_eq!(calendar.next_session(session.open.saturating_add(-1)), Ok(session));
    }

    #[test]
    fn bars_tile_the_session(
        calendar in proptest::sample::select(&Calendar::ALL[..]),
        days in 0i32..1095,
        length in 1u16..=1440,
    ) {
        let day = date(2024, 1, 1).saturating_add(jiff::ToSpan::days(days));
        let Some(session) = calendar.session_on(day).unwrap() else { return Ok(()) };
        let mut from = session.open;
        while from < session.close {
            let (start, end) = session.bar(minutes(length), from).unwrap();
            prop_assert_eq!(start, from);
            prop_assert!(start < end && end <= session.close);
            prop_assert_eq!(session.bar(minutes(length), end.saturating_add(-1)), Some((start, end)));
            from = end;
        }
        prop_assert_eq!(session.bar(minutes(length), session.close), None);
        prop_assert_eq!(session.bar(minutes(length), session.open.saturating_add(-1)), None);
    }
}

//! The end of a contract: what is computed of it ends, what was stored of it stays.

use jiff::ToSpan as _;
use tickwire_market::{Calendar, InstrumentKey, UnixNanos};
use tickwire_options::{ExpiryDayError, expiry_close};
use tickwire_streams::{StreamKey, Universe};

/// How long after its last trade what is computed of a contract goes on: late ticks come,
/// and whoever reads it sees that it has expired.
pub const AFTER_EXPIRY_NANOS: i64 = 86_400 * UnixNanos::PER_SECOND;

/// When trading in a contract ends: with the last session of its day, or with the day if that has
/// none. Absent for what has no expiry, and as long as its calendar does not reach so far.
pub fn ends_at(instrument: &InstrumentKey) -> Option<UnixNanos> {
    let (calendar, day) = (Calendar::of(instrument).ok()?, instrument.expiry()?);
    match expiry_close(calendar, day) {
        Ok(close) => Some(close),
        Err(ExpiryDayError::Closed { .. }) => {
            let end = day
                .checked_add(1.day())
                .ok()?
                .to_zoned(calendar.time_zone())
                .ok()?;
            UnixNanos::try_from(end.timestamp()).ok()
        }
        Err(ExpiryDayError::Unknown(_)) => None,
    }
}

/// Whether what is computed of a stream's instrument has come to its end at `now`. Prices and
/// bars stay: they cost nothing without ticks, and history is read by them. A replay or a
/// simulation lives at the time of its data.
pub fn has_ended(universe: &Universe, stream: &StreamKey, now: UnixNanos) -> bool {
    *universe == Universe::live()
        && !matches!(&*stream.stream.expression, "price" | "bars")
        && ends_at(&stream.stream.instrument).is_some_and(|end| now.nanos_since(end) > AFTER_EXPIRY_NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_ends_with_its_last_session() {
        let check = |instrument: &str, expected: &str| {
            let end = ends_at(&instrument.parse().unwrap());
            assert_eq!(
                end.map_or("never".to_owned(), |end| end.to_string()),
                expected,
                "{instrument}"
            );
        };
        check("NFO@NIFTY@FUT@2026-01-27", "2026-01-27T10:00:00Z");
        check("MCX@GOLD@FUT@2026-02-05", "2026-02-05T18:00:00Z");
        // At 13:00 in New York on the day after Thanksgiving.
        check("NASDAQ@AAPL@OPT@2026-11-27@CE@250", "2026-11-27T18:00:00Z");
        // On Republic Day, and on a Sunday, nobody trades: with the day in India.
        check("NFO@NIFTY@OPT@2026-01-26@CE@24000", "2026-01-26T18:30:00Z");
        check("NFO@NIFTY@FUT@2026-01-25", "2026-01-25T18:30:00Z");
        check("NFO@NIFTY@FUT@2031-01-28", "never");
        check("NSE@NIFTY@IDX", "never");
    }

    #[test]
    fn a_day_after_the_close_of_the_last_day() {
        // 15:30 in India.
        let close = "2026-01-13T10:00:00Z".parse::<jiff::Timestamp>().unwrap();
        let close = UnixNanos::try_from(close).unwrap();
        let check = |universe: &Universe, stream: &str, after: i64, expected: bool| {
            let key: StreamKey = stream.parse().unwrap();
            assert_eq!(
                has_ended(universe, &key, close.saturating_add(after)),
                expected,
                "{stream} {after}"
            );
        };
        let live = Universe::live();
        let option = "common:NFO@NIFTY@OPT@2026-01-13@CE@24000:tick:greeks()";
        check(&live, option, AFTER_EXPIRY_NANOS, false);
        check(&live, option, AFTER_EXPIRY_NANOS + 1, true);
        check(&"sim-1".parse().unwrap(), option, AFTER_EXPIRY_NANOS + 1, false);
        check(
            &live,
            "common:NFO@NIFTY@FUT@2026-01-13:5m:sma(close,2)",
            AFTER_EXPIRY_NANOS + 1,
            true,
        );
        check(
            &live,
            "public:NFO@NIFTY@OPT@2026-01-13@CE@24000:tick:price",
            AFTER_EXPIRY_NANOS + 1,
            false,
        );
        check(
            &live,
            "common:NSE@NIFTY@IDX:5m:sma(close,2)",
            100 * AFTER_EXPIRY_NANOS,
            false,
        );
    }
}

//! The end of a contract: what is computed of it ends, what was stored of it stays. What is
//! computed of a future goes on on the next one, each on its own prices.

use jiff::ToSpan as _;
use tickwire_market::{Calendar, InstrumentKey, Product, UnixNanos};
use tickwire_options::{ExpiryDayError, expiry_close};
use tickwire_signals::Expression;
use tickwire_streams::{StreamKey, Universe};

/// How long after its last trade what is computed of a contract goes on: late ticks come,
/// and whoever reads it sees that it has expired.
pub const AFTER_EXPIRY_NANOS: i64 = 86_400 * UnixNanos::PER_SECOND;
/// How long before the last trade in a future what is computed of it is planned on the next one
/// too: a failed try is made up for, and who reads it may go on before the last day.
pub const ROLL_AHEAD_NANOS: i64 = 3 * 86_400 * UnixNanos::PER_SECOND;

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
    is_past(universe, stream, now, AFTER_EXPIRY_NANOS)
}

/// Whether what is computed of a future is to be computed of the next one too.
pub fn rolls(universe: &Universe, stream: &StreamKey, now: UnixNanos) -> bool {
    stream.stream.instrument.product() == Product::Fut && is_past(universe, stream, now, -ROLL_AHEAD_NANOS)
}

/// Whether a stream is computed of a contract of which the last trade was longer ago than `nanos`.
fn is_past(universe: &Universe, stream: &StreamKey, now: UnixNanos, nanos: i64) -> bool {
    *universe == Universe::live()
        && !matches!(&*stream.stream.expression, "price" | "bars")
        && ends_at(&stream.stream.instrument).is_some_and(|end| now.nanos_since(end) > nanos)
}

/// The same of the next future of its series among the instruments that are `known`: of that which
/// expires first of those that are still traded. None of what is no future, and none of what names
/// another contract: a spread is not between the same two when one of them is another.
pub fn successor<'a>(
    stream: &StreamKey,
    known: impl Iterator<Item = &'a str>,
    now: UnixNanos,
) -> Option<StreamKey> {
    let own = &stream.stream.instrument;
    if own.product() != Product::Fut {
        return None;
    }
    let expression = Expression::parse(&stream.stream.expression).ok()?;
    if expression
        .instruments()
        .iter()
        .any(|other| other.expiry().is_some())
    {
        return None;
    }
    // All but the day, which is the last part, and ascends as its text does.
    let (series, _) = own.as_str().rsplit_once('@')?;
    let of_series = known.filter(|key| key.rsplit_once('@').is_some_and(|(of, _)| of == series));
    let later = of_series.filter(|key| *key > own.as_str());
    let later = later.filter_map(|key| key.parse::<InstrumentKey>().ok());
    let next = later
        .filter(|next| ends_at(next).is_none_or(|end| now < end))
        .min_by_key(InstrumentKey::expiry)?;
    let mut rolled = stream.clone();
    rolled.stream.instrument = next;
    Some(rolled)
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

    #[test]
    fn a_future_rolls_before_its_last_day_and_nothing_else_does() {
        let close = "2026-01-27T10:00:00Z".parse::<jiff::Timestamp>().unwrap();
        let close = UnixNanos::try_from(close).unwrap();
        let check = |universe: &Universe, stream: &str, after: i64, expected: bool| {
            let key: StreamKey = stream.parse().unwrap();
            assert_eq!(
                rolls(universe, &key, close.saturating_add(after)),
                expected,
                "{stream} {after}"
            );
        };
        let live = Universe::live();
        let future = "common:NFO@NIFTY@FUT@2026-01-27:5m:ema(close,20)";
        check(&live, future, -ROLL_AHEAD_NANOS, false);
        check(&live, future, -ROLL_AHEAD_NANOS + 1, true);
        check(&live, future, AFTER_EXPIRY_NANOS + 1, true);
        check(&"sim-1".parse().unwrap(), future, 0, false);
        check(&live, "public:NFO@NIFTY@FUT@2026-01-27:5m:bars", 0, false);
        check(
            &live,
            "common:NFO@NIFTY@OPT@2026-01-27@CE@24000:1m:rsi(close,14)",
            0,
            false,
        );
        check(&live, "common:NSE@NIFTY@IDX:5m:ema(close,20)", 0, false);
    }

    #[test]
    fn the_next_future_of_the_series_follows() {
        const KNOWN: [&str; 8] = [
            "NFO@NIFTY@FUT@2026-03-31",
            "NFO@NIFTY@FUT@2026-01-27",
            "NFO@NIFTY@FUT@2026-02-24",
            "NFO@NIFTY@OPT@2026-02-03@CE@24000",
            "NFO@NIFTYNXT@FUT@2026-02-10",
            "BFO@NIFTY@FUT@2026-02-12",
            "NSE@NIFTY@IDX",
            "NFO@NIFTY@FUT@2025-12-30",
        ];
        let check = |stream: &str, now: &str, expected: Option<&str>| {
            let now = UnixNanos::try_from(now.parse::<jiff::Timestamp>().unwrap()).unwrap();
            let key: StreamKey = stream.parse().unwrap();
            let found = successor(&key, KNOWN.into_iter(), now).map(|key| key.to_string());
            assert_eq!(found.as_deref(), expected, "{stream}");
        };
        let january = "2026-01-28T10:00:00Z";
        check(
            "common:NFO@NIFTY@FUT@2026-01-27:5m:ema(close,20)",
            january,
            Some("common:NFO@NIFTY@FUT@2026-02-24:5m:ema(close,20)"),
        );
        check(
            "personal/asha:NFO@NIFTY@FUT@2026-01-27:1m:close>close[NSE@NIFTY@IDX]",
            january,
            Some("personal/asha:NFO@NIFTY@FUT@2026-02-24:1m:close>close[NSE@NIFTY@IDX]"),
        );
        // What has ended itself is passed over.
        check(
            "common:NFO@NIFTY@FUT@2025-12-30:1d:sma(close,5)",
            january,
            Some("common:NFO@NIFTY@FUT@2026-02-24:1d:sma(close,5)"),
        );
        // The last one that is listed.
        check("common:NFO@NIFTY@FUT@2026-03-31:5m:ema(close,20)", january, None);
        // A spread between two contracts.
        check(
            "common:NFO@NIFTY@FUT@2026-01-27:1m:close-close[NFO@NIFTY@FUT@2026-02-24]",
            january,
            None,
        );
        check(
            "common:NFO@NIFTY@OPT@2026-01-27@CE@24000:tick:greeks()",
            january,
            None,
        );
    }
}

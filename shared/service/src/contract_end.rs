//! The end of a contract: what is computed of it ends, what was stored of it stays.

use tickwire_market::{Calendar, InstrumentKey, UnixNanos};
use tickwire_streams::{StreamKey, Universe};

/// How long after its last trade what is computed of a contract goes on: late ticks come,
/// and whoever reads it sees that it has expired.
pub const AFTER_EXPIRY_NANOS: i64 = 86_400 * UnixNanos::PER_SECOND;

/// When trading in a contract ends; absent for what has no expiry, and where its calendar has
/// no session on that day.
pub fn ends_at(instrument: &InstrumentKey) -> Option<UnixNanos> {
    let calendar = Calendar::of(instrument).ok()?;
    let session = calendar.session_on(instrument.expiry()?).ok()??;
    Some(session.close)
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

//! Points in time.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::TimeError;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not
/// counted. Spans 1677 to 2262. Prints as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// Nanoseconds in a minute.
    pub const PER_MINUTE: i64 = 60 * Self::PER_SECOND;
    /// Nanoseconds in a second.
    pub const PER_SECOND: i64 = 1_000_000_000;
    /// Nanoseconds in a millisecond.
    pub const PER_MILLISECOND: i64 = 1_000_000;

    /// From milliseconds since the epoch; saturates at the ends of the span.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(Self::PER_MILLISECOND))
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(Self::PER_MILLISECOND)
    }

    /// This time moved by `nanos`; saturates at the ends of the span.
    pub fn saturating_add(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this time, negative when it is later;
    /// saturates at the ends of the span.
    pub fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<UnixNanos> for Timestamp {
    fn from(time: UnixNanos) -> Self {
        // jiff's span (the years -9999 to 9999) holds every i64 of nanoseconds.
        Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(time.0)
    }
}

impl TryFrom<Timestamp> for UnixNanos {
    type Error = TimeError;

    /// Fails outside 1677 to 2262.
    fn try_from(time: Timestamp) -> Result<Self, TimeError> {
        i64::try_from(time.as_nanosecond())
            .map(Self)
            .map_err(|_| TimeError { time })
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp::from(*self).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prints_rfc_3339() {
        let check = |nanos, expected: &str| assert_eq!(UnixNanos(nanos).to_string(), expected);
        check(0, "1970-01-01T00:00:00Z");
        check(1_700_000_000_123_000_000, "2023-11-14T22:13:20.123Z");
        check(-1, "1969-12-31T23:59:59.999999999Z");
        check(i64::MAX, "2262-04-11T23:47:16.854775807Z");
        check(i64::MIN, "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(UnixNanos::try_from(Timestamp::MAX).is_err());
        assert!(UnixNanos::try_from(Timestamp::MIN).is_err());
    }

    #[test]
    fn millis_round_down_and_saturate() {
        assert_eq!(UnixNanos(-1).millis(), -1);
        assert_eq!(UnixNanos(1_999_999).millis(), 1);
        assert_eq!(UnixNanos::from_millis(i64::MAX), UnixNanos(i64::MAX));
        assert_eq!(UnixNanos(i64::MAX).saturating_add(1), UnixNanos(i64::MAX));
        assert_eq!(UnixNanos(i64::MIN).nanos_since(UnixNanos(1)), i64::MIN);
    }

    proptest! {
        #[test]
        fn timestamps_come_back(nanos: i64) {
            prop_assert_eq!(UnixNanos::try_from(Timestamp::from(UnixNanos(nanos))), Ok(UnixNanos(nanos)));
        }
    }
}

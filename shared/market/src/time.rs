//! Points in time.

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not
/// counted. Spans 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
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
}

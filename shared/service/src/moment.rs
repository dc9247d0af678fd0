//! When something was read, where what is known of it may not be too old.

use std::time::Duration;

use tickwire_market::UnixNanos;

use crate::ports::Clock;

/// A moment by both clocks of a process: the one may be set back, the other may stand still while
/// the process is frozen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wall: UnixNanos,
    monotonic: Duration,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }

    /// Whether less than `age` has passed since, by both clocks.
    pub(crate) fn is_within(self, age: Duration, clock: &dyn Clock) -> bool {
        let Self { wall, monotonic } = Self::now(clock);
        // A clock that was set back does not know how long it is.
        let by_wall = u64::try_from(wall.nanos_since(self.wall)).map(Duration::from_nanos);
        by_wall.is_ok_and(|passed| passed < age) && monotonic.saturating_sub(self.monotonic) < age
    }
}

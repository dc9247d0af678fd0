//! How much was used in the seconds past, and whether more may be.
//!
//! Whole seconds are counted. A window of W seconds counts the second that runs and the W before
//! it, so that no W seconds in a row, wherever they begin, hold more than the limit. Nothing
//! renews itself: what was used counts until it is that long ago.

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;

use crate::Limits;

/// Longest window, in seconds.
const WINDOW_S_MAX: usize = 60;

/// At most so many in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many.
    pub limit: u32,
    /// In how many seconds, 1 to 60.
    pub seconds: u32,
}

impl Limits {
    /// Requests over HTTP.
    pub const fn requests(&self) -> [Window; 2] {
        [
            Window {
                limit: self.api_requests_per_minute_max,
                seconds: 60,
            },
            self.burst(),
        ]
    }

    /// Messages on sockets.
    pub const fn burst(&self) -> Window {
        Window {
            limit: self.burst_per_5_s_max,
            seconds: 5,
        }
    }

    /// Frames sent to a user. No more than a tenth in 5 s, so that who is over the rate is sent
    /// something every few seconds, and not all of it at once and then nothing.
    pub const fn frames(&self) -> [Window; 2] {
        let limit = self.stream_messages_per_minute_max;
        [
            Window { limit, seconds: 60 },
            Window {
                limit: limit.div_ceil(10),
                seconds: 5,
            },
        ]
    }

    /// Changes of subscriptions.
    pub const fn changes(&self) -> Window {
        Window {
            limit: self.subscription_changes_per_10_s_max,
            seconds: 10,
        }
    }
}

/// What was used, by second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The newest second, in Unix time.
    second: i64,
    /// Counts: of that second, of the one before it, …
    counts: Vec<u32>,
}

/// What is left, by the window with least of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// That window.
    pub window: Window,
    /// How many more it takes now.
    pub remaining: u32,
    /// Seconds until it takes more.
    pub after_s: u32,
}

impl Usage {
    /// Takes up to `wanted`, and at least one or nothing. Says how many, and what is left.
    ///
    /// A clock that is behind that of another process is taken for its: the second never goes back.
    pub fn take(&mut self, windows: &[Window], now: UnixNanos, wanted: u32) -> (u32, Option<Left>) {
        self.advance(now.0.div_euclid(UnixNanos::PER_SECOND));
        let left = windows.iter().map(|window| self.left(*window));
        let Some(least) = left.min_by_key(|left| left.remaining) else {
            return (wanted, None);
        };
        let taken = wanted.min(least.remaining);
        if let Some(count) = self.counts.first_mut() {
            *count = count.saturating_add(taken);
        }
        let least = self.left(least.window);
        (taken, Some(least))
    }

    /// Gives back what was taken at `at` and not used.
    pub fn give_back(&mut self, at: UnixNanos, count: u32) {
        let ago = self.second.saturating_sub(at.0.div_euclid(UnixNanos::PER_SECOND));
        let used = usize::try_from(ago).ok().and_then(|ago| self.counts.get_mut(ago));
        if let Some(used) = used {
            *used = used.saturating_sub(count);
        }
    }

    /// The newest second.
    pub fn second(&self) -> i64 {
        self.second
    }

    fn advance(&mut self, second: i64) {
        if self.counts.is_empty() {
            (self.second, self.counts) = (second, vec![0]);
        }
        let passed = second.saturating_sub(self.second);
        if passed <= 0 {
            return;
        }
        let passed = usize::try_from(passed)
            .unwrap_or(usize::MAX)
            .min(WINDOW_S_MAX + 1);
        self.second = second;
        self.counts.splice(0..0, std::iter::repeat_n(0, passed));
        self.counts.truncate(WINDOW_S_MAX + 1);
    }

    fn left(&self, window: Window) -> Left {
        let span = window.seconds as usize + 1;
        let used: u32 = self
            .counts
            .iter()
            .take(span)
            .fold(0, |used, count| used.saturating_add(*count));
        let oldest = self.counts.iter().take(span).rposition(|count| *count > 0);
        let after = oldest.map_or(0, |age| span - age);
        Left {
            window,
            remaining: window.limit.saturating_sub(used),
            after_s: u32::try_from(after).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Tier;

    fn at(tenths: i64) -> UnixNanos {
        UnixNanos(1_795_000_000 * UnixNanos::PER_SECOND + tenths * UnixNanos::PER_SECOND / 10)
    }

    #[test]
    fn what_was_used_counts_until_it_is_long_ago() {
        let windows = Tier::Free.limits().requests();
        let mut usage = Usage::default();
        let mut check = |tenths, wanted, taken, remaining, after_s| {
            let (found, left) = usage.take(&windows, at(tenths), wanted);
            let left = left.unwrap();
            assert_eq!(
                (found, left.remaining, left.after_s),
                (taken, remaining, after_s),
                "at {tenths}"
            );
        };
        // Burst: 25 in 5 s; then 60 in a minute.
        check(0, 1, 1, 24, 6);
        check(9, 100, 24, 0, 6);
        check(59, 1, 0, 0, 1);
        check(60, 100, 25, 0, 6);
        check(120, 100, 10, 0, 49);
        check(600, 1, 0, 0, 1);
        check(610, 100, 25, 0, 6);
        // A clock that is behind gets nothing more of it.
        check(0, 1, 0, 0, 6);
    }

    proptest! {
        #[test]
        fn no_window_of_any_beginning_holds_more(
            steps in prop::collection::vec((0_i64..40, 1_u32..12), 1..200),
            limit in 1_u32..30,
            seconds in 1_u32..20,
        ) {
            let window = Window { limit, seconds };
            let (mut usage, mut now) = (Usage::default(), 0);
            let mut taken: Vec<(i64, u32)> = Vec::new();
            for (step, wanted) in steps {
                now += step;
                let (got, _) = usage.take(&[window], at(now), wanted);
                prop_assert!(got <= wanted);
                taken.push((now, got));
            }
            for (begin, _) in &taken {
                let end = begin + i64::from(seconds) * 10;
                let held: u32 = taken
                    .iter()
                    .filter(|(at, _)| (*begin..=end).contains(at))
                    .map(|(_, got)| got)
                    .sum();
                prop_assert!(held <= limit, "{held} from {begin}");
            }
        }
    }
}

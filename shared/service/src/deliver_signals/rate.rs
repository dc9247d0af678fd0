//! How many frames users are sent: no more than their tier has.
//!
//! This process counts what it sends itself. What goes over the rate is not dropped: it is
//! carried, conflated to the latest of each stream, and goes with the next frame that may be sent.

use std::sync::{Arc, Mutex, PoisonError};

use tickwire_entitlements::{Identity, Usage};
use tickwire_market::UnixNanos;

/// Users whose frames are counted, and connections that were told.
const ENTRIES_MAX: u64 = 100_000;
/// A connection is told once in so long that its streams are conflated, in seconds.
const TOLD_EVERY_S: i64 = 60;

/// Counts of this process.
pub(super) struct Rates {
    users: moka::sync::Cache<String, Arc<Mutex<Usage>>>,
    told: moka::sync::Cache<String, UnixNanos>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            users: moka::sync::Cache::new(ENTRIES_MAX),
            told: moka::sync::Cache::new(ENTRIES_MAX),
        }
    }
}

impl Rates {
    /// Counts up to `frames` of a user; how many of them may be sent.
    pub(super) fn take(&self, identity: &Identity, now: UnixNanos, frames: usize) -> u32 {
        let usage = self.users.get_with_by_ref(&identity.user, Arc::default);
        let windows = identity.tier.limits().frames();
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        let mut usage = usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.take(&windows, now, frames).0
    }

    /// Gives back a frame that was counted at `at` and not sent.
    pub(super) fn give_back(&self, identity: &Identity, at: UnixNanos) {
        if let Some(usage) = self.users.get(&identity.user) {
            let mut usage = usage.lock().unwrap_or_else(PoisonError::into_inner);
            usage.give_back(at, 1);
        }
    }

    /// Whether a connection that is over the rate is to be told so now.
    pub(super) fn tell(&self, connection: &str, now: UnixNanos) -> bool {
        let lately = |at: UnixNanos| now.nanos_since(at) < TOLD_EVERY_S * UnixNanos::PER_SECOND;
        let tell = !self.told.get(connection).is_some_and(lately);
        if tell {
            self.told.insert(connection.to_owned(), now);
        }
        tell
    }
}

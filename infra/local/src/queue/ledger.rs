//! Which deduplication ids were taken lately, and the next message id.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tickwire_market::UnixNanos;

/// A deduplication id and its queue, as 128 bits of a cryptographic hash: the
/// chance that two differ and meet is nil.
pub(super) type Fingerprint = [u8; 16];

pub(super) struct Ledger {
    window_nanos: i64,
    taken: HashSet<Fingerprint>,
    /// In order of time, with the message each came with.
    order: VecDeque<(UnixNanos, Fingerprint, u64)>,
    last_id: u64,
    /// Messages up to this one are no longer needed to know duplicates.
    forgotten_id: u64,
}

impl Ledger {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window_nanos: i64::try_from(window.as_nanos()).unwrap_or(i64::MAX),
            taken: HashSet::new(),
            order: VecDeque::new(),
            last_id: 0,
            forgotten_id: 0,
        }
    }

    /// Whether the id was not taken within the window.
    pub(super) fn is_new(&mut self, fingerprint: Fingerprint, now: UnixNanos) -> bool {
        while let Some((at, old, id)) = self.order.front().copied() {
            if now.nanos_since(at) < self.window_nanos {
                break;
            }
            self.order.pop_front();
            self.taken.remove(&old);
            self.forgotten_id = id;
        }
        !self.taken.contains(&fingerprint)
    }

    /// Takes the id, for message `id` sent at `at`.
    pub(super) fn record(&mut self, fingerprint: Fingerprint, at: UnixNanos, id: u64) {
        self.taken.insert(fingerprint);
        self.order.push_back((at, fingerprint, id));
        self.last_id = self.last_id.max(id);
    }

    /// The id after all so far. Ids begin at the microseconds of Unix time, so
    /// that none comes again after a restart with an empty file.
    pub(super) fn next_id(&self, now: UnixNanos) -> u64 {
        let micros = u64::try_from(now.0 / 1_000).unwrap_or(0);
        micros.max(self.last_id + 1)
    }

    pub(super) fn forgotten_id(&self) -> u64 {
        self.forgotten_id
    }

    pub(super) fn window_nanos(&self) -> i64 {
        self.window_nanos
    }

    /// Notes that messages up to `id` are not needed to know duplicates.
    pub(super) fn forget_to(&mut self, id: u64) {
        self.forgotten_id = self.forgotten_id.max(id);
    }

    /// Notes that message `id` exists.
    pub(super) fn saw(&mut self, id: u64) {
        self.last_id = self.last_id.max(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_once_in_a_window() {
        let mut ledger = Ledger::new(Duration::from_nanos(100));
        assert!(ledger.is_new([1; 16], UnixNanos(0)));
        ledger.record([1; 16], UnixNanos(0), 7);
        assert!(!ledger.is_new([1; 16], UnixNanos(99)));
        assert!(ledger.is_new([2; 16], UnixNanos(99)));
        assert_eq!(ledger.forgotten_id(), 0);
        assert!(ledger.is_new([1; 16], UnixNanos(100)));
        assert_eq!((ledger.forgotten_id(), ledger.next_id(UnixNanos(0))), (7, 8));
        assert_eq!(ledger.next_id(UnixNanos(9_000)), 9);
    }
}

//! Posts within the quota: all at once while there are enough, and in turn when they are short.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use tickwire_market::UnixNanos;
use tickwire_streams::{PostQuota, Shares, Ticket};

use super::carry::Due;

/// How long a publication may be old while its posts wait for their turns. What has had no
/// turn then is carried on to the next run, so that the queue does not grow.
pub(super) const TURNS_TIME: Duration = Duration::from_millis(500);
/// How long its posts wait however old it is. A group whose publications are always read late would
/// otherwise have what others leave, and nobody leaves anything.
pub(super) const TURNS_TIME_MIN: Duration = Duration::from_millis(50);
/// How often those that wait look for a post.
pub(super) const TURNS_LOOK: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Shared {
    shares: Shares<String>,
    /// Turns that came and were not taken yet: runs grant each other's.
    granted: FxHashSet<Ticket>,
}

/// The posts of this process.
#[derive(Debug)]
pub(super) struct Pace(Mutex<Shared>);

impl Pace {
    pub(super) fn new(quota: PostQuota) -> Self {
        Self(Mutex::new(Shared {
            shares: Shares::new(quota),
            granted: FxHashSet::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes so many posts, if there are.
    pub(super) fn take(&self, now: UnixNanos, posts: usize) -> bool {
        self.lock().shares.take(now, posts)
    }

    /// The turns of a run.
    pub(super) fn turns(&self) -> Turns<'_> {
        Turns {
            pace: self,
            waiting: FxHashMap::default(),
        }
    }
}

/// Members of a run that wait for their turns, each with what it is to be sent. Who waits
/// when it is dropped leaves.
pub(super) struct Turns<'a> {
    pace: &'a Pace,
    waiting: FxHashMap<Ticket, (u32, Vec<Due>)>,
}

impl Turns<'_> {
    pub(super) fn ask(&mut self, member: u32, dues: Vec<Due>, connection: &str, weight: u32) {
        let ticket = self.pace.lock().shares.ask(connection.to_owned(), weight);
        self.waiting.insert(ticket, (member, dues));
    }

    /// Whether a connection waited before.
    pub(super) fn knows(&self, connection: &String) -> bool {
        self.pace.lock().shares.knows(connection)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Those whose turn has come, in order.
    pub(super) fn next(&mut self, now: UnixNanos) -> Vec<(u32, Vec<Due>)> {
        let mut guard = self.pace.lock();
        let shared = &mut *guard;
        let mut turns: Vec<Ticket> = shared.granted.iter().copied().collect();
        turns.retain(|ticket| self.waiting.contains_key(ticket));
        turns.sort_unstable();
        for ticket in &turns {
            shared.granted.remove(ticket);
        }
        while let Some(ticket) = shared.shares.grant(now) {
            if self.waiting.contains_key(&ticket) {
                turns.push(ticket);
            } else {
                shared.granted.insert(ticket);
            }
        }
        turns
            .iter()
            .filter_map(|ticket| self.waiting.remove(ticket))
            .collect()
    }

    /// All that wait leave, with what they are to be sent.
    pub(super) fn leave(&mut self) -> Vec<(u32, Vec<Due>)> {
        let mut shared = self.pace.lock();
        let waiting = self.waiting.drain();
        let left = waiting.map(|(ticket, waiter)| {
            if !shared.granted.remove(&ticket) {
                shared.shares.leave(ticket);
            }
            waiter
        });
        left.collect()
    }
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

//! What is still to be sent to connections that could not be posted to: of each
//! stream the latest, standing for all that is not sent.
//!
//! It is in memory only. Should another process deliver the shard's next signals,
//! or this one die, a client sees the hole that is left and resumes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use tickwire_market::UnixNanos;
use tickwire_signals::{Signal, StreamId};
use tickwire_streams::{GroupKey, Span};
use tickwire_wire::Publication;

use super::shard::Index;

/// Shortest and longest wait of a connection whose posts are answered by 429.
const THROTTLED_WAIT: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// Connections that wait; beyond it, those are forgotten that need not any longer.
const WAITING_MAX: usize = 10_000;

/// A signal with what its publication says of it.
#[derive(Debug)]
pub(super) struct Newest {
    pub(super) signal: Signal,
    pub(super) source: Box<str>,
    pub(super) committed_at: UnixNanos,
}

/// What a connection is to be sent of a stream.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) span: Span,
    pub(super) newest: Arc<Newest>,
}

impl Due {
    pub(super) fn stream(&self) -> StreamId {
        self.newest.signal.stream
    }
}

/// Adds what came later of a stream, in the order of streams.
fn add(dues: &mut Vec<Due>, later: Due) {
    match dues.binary_search_by_key(&later.stream(), Due::stream) {
        Ok(place) => {
            if let Some(due) = dues.get_mut(place) {
                if later.span.offset > due.span.offset {
                    due.newest = later.newest;
                }
                due.span = due.span.latest(later.span);
            }
        }
        Err(place) => dues.insert(place, later),
    }
}

/// What each of `members` is to be sent, were it one item a stream: of what was carried
/// and of the run.
pub(super) fn dues(
    run: &[Publication],
    index: &Index,
    carried: &FxHashMap<u32, Vec<Due>>,
    members: &FxHashSet<u32>,
) -> FxHashMap<u32, Vec<Due>> {
    let mut of_run: Vec<Due> = Vec::new();
    for publication in run {
        for signal in &publication.signals {
            if index.targets(signal.stream).is_empty() {
                continue;
            }
            let source = publication.sources.get(signal.source as usize);
            let newest = Newest {
                signal: signal.clone(),
                source: source.map_or_else(Box::default, |source| source.as_str().into()),
                committed_at: publication.committed_at,
            };
            let due = Due {
                span: Span::one(signal.offset, signal.previous),
                newest: Arc::new(newest),
            };
            add(&mut of_run, due);
        }
    }
    let mut all: FxHashMap<u32, Vec<Due>> = members
        .iter()
        .map(|member| (*member, carried.get(member).cloned().unwrap_or_default()))
        .collect();
    for due in of_run {
        for target in index.targets(due.stream()).all() {
            if let Some(dues) = all.get_mut(&target.member) {
                add(dues, due.clone());
            }
        }
    }
    all
}

/// A shard of a log: group, shard, and the log's epoch.
pub(super) type Place<'a> = (&'a GroupKey, u16, &'a str);

#[derive(Default)]
struct Held {
    epoch: String,
    by_connection: FxHashMap<String, Vec<Due>>,
}

/// What is carried from run to run, by shard and connection.
#[derive(Default)]
pub(super) struct Carry(Mutex<FxHashMap<(GroupKey, u16), Held>>);

impl Carry {
    fn lock(&self) -> MutexGuard<'_, FxHashMap<(GroupKey, u16), Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what is held of a shard, by member. What nobody wants any longer is forgotten.
    pub(super) fn take(&self, (group, shard, epoch): Place<'_>, index: &Index) -> FxHashMap<u32, Vec<Due>> {
        let held = self.lock().remove(&(group.clone(), shard));
        let Some(mut held) = held.filter(|held| held.epoch == epoch) else {
            return FxHashMap::default();
        };
        let members = (0..).zip(&index.subscribers.members);
        members
            .filter_map(|(member, row)| Some((member, held.by_connection.remove(&row.connection)?)))
            .collect()
    }

    /// Holds what could not be sent.
    pub(super) fn put(
        &self,
        (group, shard, epoch): Place<'_>,
        index: &Index,
        left: impl IntoIterator<Item = (u32, Vec<Due>)>,
    ) {
        let mut left = left.into_iter().filter(|(_, dues)| !dues.is_empty()).peekable();
        if left.peek().is_none() {
            return;
        }
        let mut held = self.lock();
        let held = held.entry((group.clone(), shard)).or_default();
        if held.epoch != epoch {
            *held = Held {
                epoch: epoch.to_owned(),
                ..Held::default()
            };
        }
        for (member, dues) in left {
            let Some(row) = index.subscribers.members.get(member as usize) else {
                continue;
            };
            let all = held.by_connection.entry(row.connection.clone()).or_default();
            dues.into_iter().for_each(|due| add(all, due));
        }
    }
}

/// Connections whose posts were answered by 429: until when each is left alone, and how
/// often that was so without a post between. One of them delays no other.
#[derive(Default)]
pub(super) struct Throttled(Mutex<FxHashMap<String, (UnixNanos, u32)>>);

impl Throttled {
    fn lock(&self) -> MutexGuard<'_, FxHashMap<String, (UnixNanos, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection is to be left alone.
    pub(super) fn waits(&self, connection: &str, now: UnixNanos) -> bool {
        let waiting = self.lock();
        waiting
            .get(connection)
            .is_some_and(|(until, _)| is_between(now, *until))
    }

    /// It was throttled.
    pub(super) fn add(&self, connection: &str, now: UnixNanos) {
        let mut waiting = self.lock();
        if waiting.len() >= WAITING_MAX {
            waiting.retain(|_, (until, _)| is_between(now, *until));
        }
        let (until, times) = waiting.entry(connection.to_owned()).or_default();
        let (least, most) = THROTTLED_WAIT;
        let wait = least.saturating_mul(1 << (*times).min(5)).min(most);
        *times = times.saturating_add(1);
        // Between half of it and all: each connection at each time another part.
        let thrown = crc32fast::hash(format!("{connection}:{times}:{}", now.0).as_bytes());
        let wait = wait.mul_f64(0.5 + 0.5 * f64::from(thrown) / f64::from(u32::MAX));
        *until = now.saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
    }

    /// It took a post, or is gone.
    pub(super) fn remove(&self, connection: &str) {
        self.lock().remove(connection);
    }
}

/// Whether the end of a wait lies ahead. One that is further away than waits are was noted
/// by a clock that has gone back since.
fn is_between(now: UnixNanos, until: UnixNanos) -> bool {
    let left = until.0.saturating_sub(now.0);
    left > 0 && i128::from(left) <= THROTTLED_WAIT.1.as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_grows_is_spread_and_ends() {
        let throttled = Throttled::default();
        let at = |millis: i64| UnixNanos(1_795_000_000_000_000_000 + millis * 1_000_000);
        assert!(!throttled.waits("a", at(0)));
        let mut ends = Vec::new();
        for name in 0..50 {
            let name = name.to_string();
            throttled.add(&name, at(0));
            assert!(throttled.waits(&name, at(124)) && !throttled.waits(&name, at(250)));
            ends.push((0..260).find(|millis| !throttled.waits(&name, at(*millis))));
        }
        ends.sort_unstable();
        ends.dedup();
        assert!(ends.len() > 20, "{ends:?}");
        throttled.add("0", at(0));
        assert!(throttled.waits("0", at(249)) && !throttled.waits("0", at(500)));
        for _ in 0..40 {
            throttled.add("0", at(0));
        }
        assert!(throttled.waits("0", at(3_999)) && !throttled.waits("0", at(8_000)));
        // The clock goes back by an hour: nobody waits for that.
        assert!(!throttled.waits("0", at(-3_600_000)));
        throttled.remove("0");
        assert!(!throttled.waits("0", at(0)));
    }
}

//! How many frames users are sent, and what waits for those who had as many as their tier has.
//!
//! Nothing is dropped: of each stream one item waits that stands for all that came, and goes with
//! the next frame that may be sent. This process counts what it sends itself; were it to end, what
//! waits is a hole, which the client sees and fills by resuming.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tickwire_entitlements::{Identity, Usage};
use tickwire_market::UnixNanos;
use tickwire_signals::{Signal, StreamId};
use tickwire_streams::{GroupKey, Span};
use tickwire_wire::Publication;

use super::SHARDS_MAX;

/// Users whose frames are counted.
const USERS_MAX: u64 = 100_000;
/// A connection is told once in so long that its streams are conflated, in seconds.
const TOLD_EVERY_S: i64 = 60;

/// A signal as it is to be told, whichever publication it came with.
#[derive(Clone, Copy)]
pub(super) struct Newest<'a> {
    pub(super) signal: &'a Signal,
    pub(super) source: &'a str,
    pub(super) committed_at: UnixNanos,
}

impl<'a> Newest<'a> {
    pub(super) fn of(publication: &'a Publication, signal: &'a Signal) -> Self {
        let source = publication.sources.get(signal.source as usize);
        Self {
            signal,
            source: source.map_or("", String::as_str),
            committed_at: publication.committed_at,
        }
    }
}

/// What waits of a stream: the newest signal, which stands for all of the span.
pub(super) struct Held {
    pub(super) span: Span,
    signal: Signal,
    source: String,
    committed_at: UnixNanos,
}

impl Held {
    pub(super) fn newest(&self) -> Newest<'_> {
        Newest {
            signal: &self.signal,
            source: &self.source,
            committed_at: self.committed_at,
        }
    }
}

/// What waits for a connection in a shard.
#[derive(Default)]
pub(super) struct Waits {
    pub(super) streams: BTreeMap<StreamId, Held>,
    told_at: Option<UnixNanos>,
}

impl Waits {
    pub(super) fn hold(&mut self, span: Span, newest: Newest<'_>) {
        let mut span = span;
        if let Some(held) = self.streams.get(&newest.signal.stream) {
            if span.offset <= held.span.offset {
                // A segment that was published again.
                return;
            }
            let mut all = held.span;
            // Where a hole lies between, it stays visible: what is behind it stands for itself.
            if all.absorb(span) {
                span = all;
            }
        }
        let held = Held {
            span,
            signal: newest.signal.clone(),
            source: newest.source.to_owned(),
            committed_at: newest.committed_at,
        };
        self.streams.insert(held.signal.stream, held);
    }

    /// Whether the client is to be told now.
    pub(super) fn tell(&mut self, now: UnixNanos) -> bool {
        let tell = !self.was_told_lately(now);
        if tell {
            self.told_at = Some(now);
        }
        tell
    }

    /// Whether nothing waits, and nothing need be known any longer of what did.
    pub(super) fn is_over(&self, now: UnixNanos) -> bool {
        self.streams.is_empty() && !self.was_told_lately(now)
    }

    fn was_told_lately(&self, now: UnixNanos) -> bool {
        let lately = |at: UnixNanos| now.nanos_since(at) < TOLD_EVERY_S * UnixNanos::PER_SECOND;
        self.told_at.is_some_and(lately)
    }
}

/// What waits in a shard, by connection.
pub(super) type Waiting = FxHashMap<String, Waits>;

/// Counts of this process, and what waits in it.
pub(super) struct Pace {
    users: moka::sync::Cache<String, Arc<Mutex<Usage>>>,
    waiting: moka::sync::Cache<(GroupKey, u16), Arc<Mutex<Waiting>>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            users: moka::sync::Cache::new(USERS_MAX),
            waiting: moka::sync::Cache::new(SHARDS_MAX),
        }
    }
}

impl Pace {
    /// Counts up to `frames` of a user; how many of them may be sent.
    pub(super) fn take(&self, identity: &Identity, now: UnixNanos, frames: u32) -> u32 {
        let usage = self.users.get_with_by_ref(&identity.user, Arc::default);
        let windows = identity.tier.limits().frames();
        lock(&usage).take(&windows, now, frames).0
    }

    /// What waits in a shard.
    pub(super) fn waiting(&self, group: &GroupKey, shard: u16) -> Arc<Mutex<Waiting>> {
        self.waiting.get_with((group.clone(), shard), Arc::default)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

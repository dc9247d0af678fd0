//! The log as readers read it: through a cache of decoded segments, which
//! never change, and with one read at a time for each group.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tickwire_streams::GroupKey;
use tickwire_wire::{Segment, decode};

use crate::plans::unreadable;
use crate::ports::{Log, PortResult, StoredSegment};

/// Bytes of decoded segments kept in memory.
const CACHE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// What a segment takes decoded, in its encoded bytes.
const DECODED_PER_ENCODED: usize = 6;
/// The largest row of the log: a read that leaves so much of its bound unused has come to the end.
const ROW_BYTES_MAX: usize = 410 * 1_024;

/// A segment in memory.
#[derive(Debug)]
pub struct Held {
    /// Its number.
    pub number: u64,
    /// Its encoded bytes.
    pub bytes: usize,
    /// What it holds.
    pub segment: Segment,
}

/// Segments that follow one another.
#[derive(Debug, Default)]
pub struct Stretch {
    /// In order.
    pub segments: Vec<Arc<Held>>,
    /// Their encoded bytes.
    pub bytes: usize,
    /// Whether it reaches as far as was asked; if not, the bound on bytes cut it off.
    pub whole: bool,
}

impl Stretch {
    fn push(&mut self, held: Arc<Held>) {
        self.bytes += held.bytes;
        self.segments.push(held);
    }

    fn next(&self, from: u64) -> u64 {
        self.segments.last().map_or(from, |last| last.number + 1)
    }
}

/// The end of a log as the last read found it.
#[derive(Debug, Default)]
struct End {
    /// Which read it was.
    read: u64,
    epoch: Arc<str>,
    /// First number that no segment has.
    next: u64,
}

#[derive(Debug, Default)]
struct Flight {
    reads_begun: AtomicU64,
    end: tokio::sync::Mutex<End>,
}

/// Reads logs.
pub struct LogReader {
    log: Arc<dyn Log>,
    segments: moka::sync::Cache<(GroupKey, Arc<str>, u64), Arc<Held>>,
    flights: Mutex<FxHashMap<GroupKey, Arc<Flight>>>,
}

impl LogReader {
    /// With nothing in memory.
    pub fn new(log: Arc<dyn Log>) -> Self {
        let weight = |held: &Arc<Held>| u32::try_from(held.bytes * DECODED_PER_ENCODED).unwrap_or(u32::MAX);
        let segments = moka::sync::Cache::builder()
            .max_capacity(CACHE_BYTES_MAX)
            .weigher(move |_, held| weight(held))
            .build();
        Self {
            log,
            segments,
            flights: Mutex::default(),
        }
    }

    /// Segments `from..` to the head of the log as it is now, or as many as
    /// about `bytes_max` hold.
    pub async fn to_head(
        &self,
        group: &GroupKey,
        epoch: &Arc<str>,
        from: u64,
        bytes_max: usize,
    ) -> PortResult<Stretch> {
        let flight = self.flight(group);
        let begun_before = flight.reads_begun.load(SeqCst);
        let mut end = flight.end.lock().await;
        let mut stretch = self.held(group, epoch, from, u64::MAX, bytes_max);
        // A read that began after this call has seen all that this call must see.
        if end.read > begun_before && end.epoch == *epoch && stretch.next(from) >= end.next {
            stretch.whole = true;
            return Ok(stretch);
        }
        let read = flight.reads_begun.fetch_add(1, SeqCst) + 1;
        stretch.whole = self
            .extend(group, epoch, from, None, bytes_max, &mut stretch)
            .await?;
        if stretch.whole {
            *end = End {
                read,
                epoch: epoch.clone(),
                next: stretch.next(from),
            };
        }
        Ok(stretch)
    }

    /// Segments `from..=to`, which are in the log unless they have expired, or
    /// as many as about `bytes_max` hold.
    pub async fn range(
        &self,
        group: &GroupKey,
        epoch: &Arc<str>,
        from: u64,
        to: u64,
        bytes_max: usize,
    ) -> PortResult<Stretch> {
        let flight = self.flight(group);
        // Whoever reads the same leaves it in the cache.
        let _one_at_a_time = flight.end.lock().await;
        let mut stretch = self.held(group, epoch, from, to, bytes_max);
        stretch.whole = self
            .extend(group, epoch, from, Some(to), bytes_max, &mut stretch)
            .await?;
        Ok(stretch)
    }

    /// Those of the segments `from..=to` that there are.
    pub async fn between(
        &self,
        group: &GroupKey,
        epoch: &Arc<str>,
        from: u64,
        to: u64,
    ) -> PortResult<Vec<Arc<Held>>> {
        let flight = self.flight(group);
        // Whoever reads the same leaves it in the cache.
        let _one_at_a_time = flight.end.lock().await;
        let stretch = self.held(group, epoch, from, to, usize::MAX);
        let next = stretch.next(from);
        let mut found = stretch.segments;
        if next <= to {
            for stored in self.log.between(group, next, to).await? {
                found.push(self.keep(group, epoch, stored)?);
            }
        }
        Ok(found)
    }

    /// What the cache has from `from` on without a gap.
    fn held(&self, group: &GroupKey, epoch: &Arc<str>, from: u64, to: u64, bytes_max: usize) -> Stretch {
        let mut stretch = Stretch::default();
        let mut number = from;
        while number <= to && stretch.bytes < bytes_max {
            let Some(held) = self.segments.get(&(group.clone(), epoch.clone(), number)) else {
                break;
            };
            stretch.push(held);
            number += 1;
        }
        stretch
    }

    /// Reads what follows; says whether it came to the end or to `to`.
    async fn extend(
        &self,
        group: &GroupKey,
        epoch: &Arc<str>,
        from: u64,
        to: Option<u64>,
        bytes_max: usize,
        stretch: &mut Stretch,
    ) -> PortResult<bool> {
        loop {
            let next = stretch.next(from);
            if to.is_some_and(|to| next > to) {
                return Ok(true);
            }
            let left = bytes_max.saturating_sub(stretch.bytes);
            if left == 0 {
                return Ok(false);
            }
            let stored = self.log.read(group, next, left).await?;
            let bytes: usize = stored.iter().map(|segment| segment.bytes.len()).sum();
            for stored in stored {
                let held = self.keep(group, epoch, stored)?;
                if to.is_some_and(|to| held.number > to) {
                    return Ok(true);
                }
                stretch.push(held);
            }
            if bytes.saturating_add(ROW_BYTES_MAX) < left || bytes == 0 {
                return Ok(true);
            }
        }
    }

    /// Decodes a segment, for whoever reads it next as well.
    fn keep(&self, group: &GroupKey, epoch: &Arc<str>, stored: StoredSegment) -> PortResult<Arc<Held>> {
        let StoredSegment { number, bytes } = stored;
        let segment = decode::<Segment>(&bytes).map_err(|error| unreadable("log", &error))?;
        let held = Arc::new(Held {
            number,
            bytes: bytes.len(),
            segment,
        });
        self.segments
            .insert((group.clone(), epoch.clone(), number), held.clone());
        Ok(held)
    }

    fn flight(&self, group: &GroupKey) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(group.clone()).or_default().clone()
    }
}

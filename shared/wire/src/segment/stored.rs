//! A segment as it is written: what follows from the rest is left out.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tickwire_market::UnixNanos;
use tickwire_streams::{Position, SourceName};

use super::signals::{Signals, SignalsBefore};
use super::ticks::Ticks;
use super::{Other, Run, Segment, SetAside, SourceRow};

#[derive(Serialize, Deserialize)]
struct Stored<'a, S: Clone> {
    engine_version: u32,
    plan_version: u64,
    committed_at: UnixNanos,
    sources: Vec<StoredSource>,
    set_aside: Cow<'a, [SetAside]>,
    runs: Vec<StoredRun>,
    ticks: Cow<'a, Ticks>,
    others: Cow<'a, [(u32, Other)]>,
    signals: Cow<'a, S>,
}

#[derive(Serialize, Deserialize)]
struct StoredSource {
    name: SourceName,
    position: Position,
    /// Less the time of the commit.
    seen: i64,
}

/// What is 0 takes a byte.
#[derive(Serialize, Deserialize)]
struct StoredRun {
    source: u32,
    /// Less the one that is expected.
    epoch: i64,
    /// Less the one that is expected.
    seq: i64,
    events: u32,
}

/// The epoch and sequence number with which each source's next run is
/// expected: those where it stands after the segment, then those that follow
/// its last run.
struct Expected(Vec<(u64, u64)>);

impl Expected {
    fn of(sources: &[SourceRow]) -> Self {
        let at = |row: &SourceRow| (row.position.epoch, row.position.next);
        Self(sources.iter().map(at).collect())
    }

    fn of_source(&self, source: u32) -> (u64, u64) {
        self.0.get(source as usize).copied().unwrap_or_default()
    }

    fn follow(&mut self, run: &Run) {
        if let Some(expected) = self.0.get_mut(run.source as usize) {
            *expected = (run.epoch, run.seq.wrapping_add(u64::from(run.events)));
        }
    }
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = |row: &SourceRow| StoredSource {
            name: row.name.clone(),
            position: row.position.clone(),
            seen: row.seen.0.wrapping_sub(self.committed_at.0),
        };
        let mut expected = Expected::of(&self.sources);
        let run = |run: &Run| {
            let (epoch, seq) = expected.of_source(run.source);
            expected.follow(run);
            StoredRun {
                source: run.source,
                epoch: run.epoch.wrapping_sub(epoch) as i64,
                seq: run.seq.wrapping_sub(seq) as i64,
                events: run.events,
            }
        };
        let stored = Stored {
            engine_version: self.engine_version,
            plan_version: self.plan_version,
            committed_at: self.committed_at,
            sources: self.sources.iter().map(source).collect(),
            set_aside: Cow::Borrowed(&self.set_aside),
            runs: self.runs.iter().map(run).collect(),
            ticks: Cow::Borrowed(&self.ticks),
            others: Cow::Borrowed(&self.others),
            signals: Cow::Borrowed(&self.signals),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stored::<Signals>::deserialize(deserializer).map(Self::from)
    }
}

impl Segment {
    /// Reads what was written in version 1.
    pub(super) fn read_before(content: &[u8]) -> Option<Self> {
        match postcard::take_from_bytes::<Stored<'_, SignalsBefore>>(content) {
            Ok((stored, [])) => Some(stored.into()),
            _ => None,
        }
    }
}

impl<S: Clone + Into<Signals>> From<Stored<'_, S>> for Segment {
    fn from(stored: Stored<'_, S>) -> Self {
        let source = |source: StoredSource| SourceRow {
            name: source.name,
            position: source.position,
            seen: UnixNanos(stored.committed_at.0.wrapping_add(source.seen)),
        };
        let sources: Vec<SourceRow> = stored.sources.into_iter().map(source).collect();
        let mut expected = Expected::of(&sources);
        let run = |stored: &StoredRun| {
            let (epoch, seq) = expected.of_source(stored.source);
            let run = Run {
                source: stored.source,
                epoch: epoch.wrapping_add(stored.epoch as u64),
                seq: seq.wrapping_add(stored.seq as u64),
                events: stored.events,
            };
            expected.follow(&run);
            run
        };
        Self {
            engine_version: stored.engine_version,
            plan_version: stored.plan_version,
            committed_at: stored.committed_at,
            runs: stored.runs.iter().map(run).collect(),
            sources,
            set_aside: stored.set_aside.into_owned(),
            ticks: stored.ticks.into_owned(),
            others: stored.others.into_owned(),
            signals: stored.signals.into_owned().into(),
        }
    }
}

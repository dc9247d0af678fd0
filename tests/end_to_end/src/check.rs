//! The checker: compares what went in, what the log holds, and what clients took.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tickwire_service::replay_log::{Verifier, VerifyError};
use tickwire_signals::{Event, Signal, outputs_of};
use tickwire_streams::{GroupKey, Offset, StreamKey};
use tickwire_wire::{LatestRow, Segment, write_value};

use crate::ticks::Expected;

/// A promise that was broken.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// The log is not what its events fold to, or not one chain.
    #[error("log of {group}: {why}")]
    Log {
        /// Which group.
        group: GroupKey,
        /// What is wrong.
        why: VerifyError,
    },
    /// The log's ticks are not those that were sent.
    #[error("log of {group}: tick {place} is {found}, and should be {expected}")]
    Ticks {
        /// Which group.
        group: GroupKey,
        /// Place among the group's ticks.
        place: usize,
        /// What is there.
        found: String,
        /// What was sent.
        expected: String,
    },
    /// A stream's signals do not follow one another.
    #[error("stream {stream}: the signal at {offset} follows {found:?} where {expected:?} is the one before")]
    Chain {
        /// Which stream.
        stream: String,
        /// Where.
        offset: Offset,
        /// What it says.
        found: Option<Offset>,
        /// What is before it.
        expected: Option<Offset>,
    },
    /// The latest row is not that of the log's end.
    #[error("latest row of {group}: {why}")]
    Latest {
        /// Which group.
        group: GroupKey,
        /// What is wrong.
        why: String,
    },
    /// A client did not take what the log holds.
    #[error("client of {stream}: item {place} {why}")]
    Client {
        /// Which stream.
        stream: String,
        /// Place among the items taken.
        place: usize,
        /// What is wrong.
        why: String,
    },
    /// Something was left behind.
    #[error("{0}")]
    Left(String),
}

/// The log of a group, as stored.
#[derive(Debug)]
pub struct GroupLog {
    /// Which group.
    pub group: GroupKey,
    /// Its segments.
    pub segments: Vec<(u64, Segment)>,
    /// Its latest row.
    pub latest: Option<LatestRow>,
}

/// A signal of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Its offset.
    pub offset: Offset,
    /// That of the stream's signal before.
    pub previous: Option<Offset>,
    /// Its value, as data frames write it.
    pub value: String,
}

/// What a log was found to hold.
#[derive(Debug, Default)]
pub struct Checked {
    /// Segments.
    pub segments: u64,
    /// Ticks.
    pub ticks: u64,
    /// Signals.
    pub signals: u64,
    /// Signals by stream, of the streams asked for.
    pub streams: BTreeMap<String, Vec<Logged>>,
}

/// An item that a client took.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// A snapshot, not a link of the chain.
    pub snapshot: bool,
    /// Its offset; none in a snapshot of nothing.
    pub offset: Option<Offset>,
    /// What it says is before it; not in a snapshot, nor where a client does not tell.
    pub previous: Option<Option<Offset>>,
    /// Signals it stands for.
    pub count: u32,
    /// Its value, JSON.
    pub value: String,
}

/// Checks the log of a group: one chain of segments that folds to its signals
/// bit for bit, with every tick sent exactly once and in order.
///
/// # Errors
/// At the first violation.
pub fn check_log(
    log: &GroupLog,
    expected: &[Expected],
    wanted: impl Fn(&str) -> bool,
) -> Result<Checked, Violation> {
    let group = &log.group;
    let mut verifier = Verifier::default();
    let mut checked = Checked::default();
    let mut last_of: Vec<Option<Offset>> = Vec::new();
    let mut ticks = expected.iter();
    let mut place = 0;
    for (number, segment) in &log.segments {
        let signals = verifier.next(*number, segment).map_err(|why| Violation::Log {
            group: group.clone(),
            why,
        })?;
        for found in ticks_of(segment, &verifier) {
            let expected = ticks.next();
            if expected != Some(&found) {
                return Err(Violation::Ticks {
                    group: group.clone(),
                    place,
                    found: format!("{found:?}"),
                    expected: expected
                        .map_or_else(|| "the end".to_owned(), |expected| format!("{expected:?}")),
                });
            }
            place += 1;
        }
        let streams = verifier.state().engine.streams();
        last_of.resize(streams.len(), None);
        for signal in &signals {
            let key = streams.get(signal.stream as usize).map(|stream| &stream.key);
            let name = key.map_or_else(String::new, ToString::to_string);
            let Some(last) = last_of.get_mut(signal.stream as usize) else {
                continue;
            };
            if signal.previous != *last {
                let (found, expected) = (signal.previous, *last);
                return Err(Violation::Chain {
                    stream: name,
                    offset: signal.offset,
                    found,
                    expected,
                });
            }
            *last = Some(signal.offset);
            if let Some(key) = key.filter(|_| wanted(&name)) {
                checked.streams.entry(name).or_default().push(logged(signal, key));
            }
        }
    }
    if let Some(missing) = ticks.next() {
        return Err(Violation::Ticks {
            group: group.clone(),
            place,
            found: "the end".to_owned(),
            expected: format!("{missing:?}"),
        });
    }
    check_latest(log, &verifier)?;
    let verified = verifier.verified();
    Ok(Checked {
        segments: verified.segments,
        signals: verified.signals,
        ticks: place as u64,
        ..checked
    })
}

fn ticks_of(segment: &Segment, verifier: &Verifier) -> Vec<Expected> {
    let engine = &verifier.state().engine;
    let mut found = Vec::new();
    // Events stand in runs of one source and epoch.
    let epochs: Vec<u64> = segment
        .runs()
        .iter()
        .flat_map(|run| std::iter::repeat_n(run.epoch, run.events as usize))
        .collect();
    let mut place = 0;
    segment.for_each_event(
        &mut found,
        |_, place| engine.instrument_at(place).cloned(),
        |found, logged| {
            if let Event::Tick(tick) = logged.event {
                let source = segment.sources.get(logged.source as usize);
                found.push(Expected {
                    source: source.map_or_else(String::new, |row| row.name.to_string()),
                    epoch: epochs.get(place).copied().unwrap_or_default(),
                    seq: logged.seq,
                    tick,
                });
            }
            place += 1;
        },
    );
    found
}

fn logged(signal: &Signal, key: &StreamKey) -> Logged {
    let outputs = outputs_of(&key.stream.expression);
    let mut value = String::new();
    write_value(&mut value, &signal.value, &outputs);
    Logged {
        offset: signal.offset,
        previous: signal.previous,
        value,
    }
}

fn check_latest(log: &GroupLog, verifier: &Verifier) -> Result<(), Violation> {
    let fail = |why: String| {
        Err(Violation::Latest {
            group: log.group.clone(),
            why,
        })
    };
    let (state, row) = (verifier.state(), log.latest.as_ref());
    if state.segment == 0 && row.is_none() {
        return Ok(());
    }
    let Some(row) = row else {
        return fail("there is none".to_owned());
    };
    if row.segment != state.segment {
        return fail(format!(
            "it is of segment {}, and the log ends at {}",
            row.segment, state.segment
        ));
    }
    let ticks = state.engine.counters().ticks;
    if row.ticks != ticks {
        return fail(format!("it counts {} ticks, and the log {ticks}", row.ticks));
    }
    for (id, stream) in (0u32..).zip(state.engine.streams()) {
        if row.of(id) != stream.latest.as_ref() {
            return fail(format!(
                "{} is {:?}, and in the log {:?}",
                stream.key,
                row.of(id),
                stream.latest
            ));
        }
    }
    Ok(())
}

/// Checks what a client took of a stream against the log: from its first item
/// on every signal exactly once and in order, to the log's end. Gives the
/// number of signals taken, and how many of them came conflated.
///
/// # Errors
/// At the first violation.
pub fn check_client(stream: &str, taken: &[Taken], logged: &[Logged]) -> Result<(u64, u64), Violation> {
    let fail = |place: usize, why: String| {
        Err(Violation::Client {
            stream: stream.to_owned(),
            place,
            why,
        })
    };
    // While the stream has no signal there is nothing to resume from: each connection begins anew.
    let nothing =
        |pair: &&[Taken]| matches!(pair, [first, second] if first.offset.is_none() && second.snapshot);
    let begin = taken.windows(2).take_while(nothing).count();
    let taken = &taken[begin..];
    let Some(first) = taken.first() else {
        return fail(0, "is missing: nothing was taken".to_owned());
    };
    let mut next = match first.offset {
        // A snapshot of nothing: all that the log holds follows.
        None => 0,
        Some(offset) => match logged.binary_search_by_key(&offset, |logged| logged.offset) {
            Ok(at) if first.snapshot => {
                if !same_json(&first.value, &logged[at].value) {
                    return fail(
                        0,
                        format!("is {}, and in the log {}", first.value, logged[at].value),
                    );
                }
                at + 1
            }
            Ok(at) => at,
            Err(_) => return fail(0, format!("has offset {offset}, which is none of the stream's")),
        },
    };
    let (mut signals, mut conflated) = (0, 0);
    let skipped = usize::from(first.snapshot || first.offset.is_none());
    for (place, item) in taken.iter().enumerate().skip(skipped) {
        if item.snapshot {
            return fail(
                place,
                format!("is a snapshot at {:?}: something was missed", item.offset),
            );
        }
        let count = item.count.max(1) as usize;
        let Some(stands_for) = logged.get(next..next + count) else {
            return fail(place, format!("at {:?} is beyond the log's end", item.offset));
        };
        let (Some(oldest), Some(newest)) = (stands_for.first(), stands_for.last()) else {
            continue;
        };
        if item.offset != Some(newest.offset) {
            return fail(
                place,
                format!("has offset {:?}, and {} is next", item.offset, newest.offset),
            );
        }
        if item.previous.is_some_and(|previous| previous != oldest.previous) {
            return fail(
                place,
                format!(
                    "says {:?} is before it, and {:?} is",
                    item.previous, oldest.previous
                ),
            );
        }
        if !same_json(&item.value, &newest.value) {
            return fail(
                place,
                format!(
                    "at {} is {}, and in the log {}",
                    newest.offset, item.value, newest.value
                ),
            );
        }
        next += count;
        signals += count as u64;
        conflated += count as u64 - 1;
    }
    if next < logged.len() {
        let missing = logged.len() - next;
        return fail(
            taken.len(),
            format!("is missing: {missing} signals from {} on", logged[next].offset),
        );
    }
    Ok((signals, conflated))
}

/// Whether two texts are the same value, however its numbers are spelled.
fn same_json(a: &str, b: &str) -> bool {
    fn same(a: &Json, b: &Json) -> bool {
        match (a, b) {
            (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a == b,
                _ => a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits),
            },
            (Json::Object(a), Json::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            (a, b) => a == b,
        }
    }
    if a == b {
        return true;
    }
    matches!((serde_json::from_str(a), serde_json::from_str(b)), (Ok(a), Ok(b)) if same(&a, &b))
}

#[cfg(test)]
mod tests;

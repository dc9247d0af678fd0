//! Where a source stands, and where a signal stands.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Holes kept per source; beyond that the oldest is forgotten and counted.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const holes_max: usize = 1_024;

/// Name of a source of events, e.g. a feed's shard or a file's content hash.
pub type SourceName = Arc<str>;

/// Place of a signal in its group's log: segment number and index inside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// Signals that one segment can hold.
    pub const SIGNALS_PER_SEGMENT: usize = 1 << 16;

    /// The offset of signal `index` of `segment`.
    pub fn new(segment: u64, index: u16) -> Self {
        Self(segment << 16 | u64::from(index))
    }

    /// The segment.
    pub fn segment(self) -> u64 {
        self.0 >> 16
    }

    /// The index inside the segment.
    pub fn index(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a position says of one more event of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqVerdict {
    /// New: the next one, or one after a gap, or the first of a greater epoch.
    Accept,
    /// New: it fills a hole.
    Fill,
    /// Seen before.
    Duplicate,
    /// From a sender that has been superseded.
    OldEpoch,
}

/// How far a source's events have been taken: everything below `next` but the
/// holes. Sequence numbers count a source's events within one group, from 0.
///
/// A greater epoch supersedes and starts anew; a smaller one is refused. A
/// sequence number that jumps leaves a hole, and a later event is accepted
/// exactly if it fills one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Fencing token or start time of the sender.
    pub epoch: u64,
    /// First sequence number that has not been seen.
    pub next: u64,
    /// Half-open ranges below `next` that have not been seen, ascending.
    pub holes: Vec<(u64, u64)>,
    /// Sequence numbers that were ever missing when a later one came.
    pub gaps: u64,
    /// Holes forgotten because there were too many.
    pub holes_forgotten: u64,
}

impl Position {
    /// Judges event (`epoch`, `seq`) without taking it.
    pub fn judge(&self, epoch: u64, seq: u64) -> SeqVerdict {
        if epoch > self.epoch || (epoch == self.epoch && seq >= self.next) {
            SeqVerdict::Accept
        } else if epoch < self.epoch {
            SeqVerdict::OldEpoch
        } else if self.hole_of(seq).is_some() {
            SeqVerdict::Fill
        } else {
            SeqVerdict::Duplicate
        }
    }

    /// Takes event (`epoch`, `seq`) if it is new; says what it was.
    pub fn take(&mut self, epoch: u64, seq: u64) -> SeqVerdict {
        let verdict = self.judge(epoch, seq);
        match verdict {
            SeqVerdict::Accept => {
                if epoch > self.epoch {
                    *self = Self {
                        epoch,
                        gaps: self.gaps,
                        holes_forgotten: self.holes_forgotten,
                        ..Self::default()
                    };
                }
                if seq > self.next {
                    self.gaps += seq - self.next;
                    self.holes.push((self.next, seq));
                    if self.holes.len() > holes_max {
                        self.holes.remove(0);
                        self.holes_forgotten += 1;
                    }
                }
                self.next = seq.saturating_add(1);
            }
            SeqVerdict::Fill => {
                if let Some(index) = self.hole_of(seq) {
                    let (from, to) = self.holes[index];
                    let rest = [(from, seq), (seq + 1, to)]
                        .into_iter()
                        .filter(|(from, to)| from < to);
                    self.holes.splice(index..=index, rest);
                    if self.holes.len() > holes_max {
                        self.holes.remove(0);
                        self.holes_forgotten += 1;
                    }
                }
            }
            SeqVerdict::Duplicate | SeqVerdict::OldEpoch => {}
        }
        verdict
    }

    fn hole_of(&self, seq: u64) -> Option<usize> {
        let after = self.holes.partition_point(|(from, _)| *from <= seq);
        let index = after.checked_sub(1)?;
        (seq < self.holes[index].1).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn epochs_supersede_and_holes_fill_once() {
        let mut position = Position::default();
        let mut check = |epoch, seq, expected| {
            assert_eq!(position.take(epoch, seq), expected, "event {epoch}:{seq}");
        };
        check(1, 0, SeqVerdict::Accept);
        check(1, 0, SeqVerdict::Duplicate);
        check(1, 5, SeqVerdict::Accept);
        check(1, 3, SeqVerdict::Fill);
        check(1, 3, SeqVerdict::Duplicate);
        check(1, 1, SeqVerdict::Fill);
        check(0, 9, SeqVerdict::OldEpoch);
        check(2, 0, SeqVerdict::Accept);
        check(1, 2, SeqVerdict::OldEpoch);
        assert_eq!(position.next, 1);
        assert_eq!(position.gaps, 4);
        assert_eq!(position.holes, []);
    }

    #[test]
    fn holes_are_bounded() {
        let mut position = Position::default();
        for n in 0..(holes_max as u64 + 10) {
            position.take(1, n * 2 + 1);
        }
        assert_eq!(position.holes.len(), holes_max);
        assert_eq!(position.holes_forgotten, 10);
        assert_eq!(
            position.take(1, 0),
            SeqVerdict::Duplicate,
            "the oldest hole was forgotten"
        );
    }

    proptest! {
        #[test]
        fn each_seq_is_accepted_once(seqs in prop::collection::vec(0u64..200, 0..400)) {
            let mut position = Position::default();
            let mut seen = std::collections::BTreeSet::new();
            for seq in seqs {
                let new = matches!(position.take(7, seq), SeqVerdict::Accept | SeqVerdict::Fill);
                prop_assert_eq!(new, seen.insert(seq));
            }
            let missing: u64 = position.holes.iter().map(|(from, to)| to - from).sum();
            prop_assert_eq!(position.next - missing, seen.len() as u64);
            prop_assert!(position.holes.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}

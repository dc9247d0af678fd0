//! What an ingest process counts.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tickwire_signals::{Signal, SignalValue};

use crate::group::TakeCounts;

/// Counts of this process.
#[derive(Debug, Default)]
pub struct IngestStats {
    /// Ticks folded and committed.
    pub accepted: AtomicU64,
    /// Ticks seen before.
    pub duplicate: AtomicU64,
    /// Ticks of superseded senders.
    pub old_epoch: AtomicU64,
    /// Events set aside.
    pub set_aside: AtomicU64,
    /// Missing sequence numbers.
    pub gaps: AtomicU64,
    /// Messages parked.
    pub parked: AtomicU64,
    /// Segments committed.
    pub segments: AtomicU64,
    /// Bytes of those.
    pub segment_bytes: AtomicU64,
    /// Signals committed.
    pub signals: AtomicU64,
    /// Those of them that correct a bar.
    pub corrections: AtomicU64,
    /// Commits lost to another consumer.
    pub conflicts: AtomicU64,
    /// Groups loaded cold.
    pub loads: AtomicU64,
    /// Checkpoints written.
    pub checkpoints: AtomicU64,
    /// Messages put back because of a passing fault.
    pub failed: AtomicU64,
}

impl IngestStats {
    pub(super) fn add(&self, counts: TakeCounts) {
        add(&self.accepted, counts.accepted);
        add(&self.duplicate, counts.duplicate);
        add(&self.old_epoch, counts.old_epoch);
        add(&self.set_aside, counts.set_aside);
        add(&self.gaps, counts.gaps);
    }

    /// A segment was committed.
    pub(super) fn committed(&self, bytes: usize, signals: &[Signal]) {
        add(&self.segments, 1);
        add(&self.segment_bytes, bytes as u64);
        add(&self.signals, signals.len() as u64);
        let corrects = |signal: &&Signal| matches!(signal.value, SignalValue::CorrectedBar(_));
        add(&self.corrections, signals.iter().filter(corrects).count() as u64);
    }
}

fn add(to: &AtomicU64, count: u64) {
    to.fetch_add(count, Relaxed);
}

//! Segments of the log whose time is over, and the checkpoints that only they needed.
//!
//! The log is cut at a checkpoint that is whole and of which the time is over, and behind which
//! there is another whole one. So the log can be folded again from its beginning, and whoever
//! loads the group from any checkpoint finds what is behind it without a hole.

use std::time::Duration;

use futures_util::stream::{self, TryStreamExt as _};
use tickwire_market::UnixNanos;
use tickwire_streams::GroupKey;
use tickwire_wire::Manifest;

use crate::checkpoint::delete_checkpoint;
use crate::load_group::{LoadError, committed_at, newest_checkpoint};
use crate::ports::{Checkpoints, Log, StoredCheckpoint};

/// How long a segment is kept, unless another time is given.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const log_kept: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Checkpoints looked through, newest first: more than there are in a year.
const CHECKPOINTS_MAX: usize = 500;
/// Segments deleted in one call.
const SEGMENTS_PER_CALL_MAX: usize = 500;
/// Calls at once.
const CALLS_AT_ONCE: usize = 4;
/// Segments of a group deleted in a run; what is left is for the next.
const SEGMENTS_PER_RUN_MAX: u64 = 100_000;

/// Deletes the segments that were committed before `before` and are not needed; says how many.
pub(crate) async fn expire(
    log: &dyn Log,
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
    before: UnixNanos,
) -> Result<u64, LoadError> {
    let oldest = log.read(group, 1, 1).await?;
    let Some(first) = oldest.first().map(|oldest| oldest.number) else {
        return Ok(0);
    };
    let stored = checkpoints.manifests(group, u64::MAX, CHECKPOINTS_MAX).await?;
    let Some(base) = base(log, checkpoints, group, &stored, (first, before)).await? else {
        return Ok(0);
    };
    // Cut short, it begins anew at the oldest segment that is left: before the base nobody needs any.
    for older in stored
        .iter()
        .rev()
        .take_while(|older| older.segment < base.segment)
    {
        delete_checkpoint(checkpoints, group, older, std::slice::from_ref(&base)).await?;
    }
    let numbers: Vec<u64> = (first..base.segment.min(first + SEGMENTS_PER_RUN_MAX)).collect();
    stream::iter(numbers.chunks(SEGMENTS_PER_CALL_MAX).map(Ok))
        .try_for_each_concurrent(CALLS_AT_ONCE, |numbers| log.forget(group, numbers))
        .await?;
    Ok(numbers.len() as u64)
}

/// The checkpoint at which a log that begins at `first` is cut, so that of what was committed
/// before `before` as much as can goes.
async fn base(
    log: &dyn Log,
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
    stored: &[StoredCheckpoint],
    (first, before): (u64, UnixNanos),
) -> Result<Option<Manifest>, LoadError> {
    let mut segment_max = 0;
    // The newest is the other one, whatever its age.
    for stored in stored.iter().skip(1).rev() {
        match committed_at(log, group, stored.segment).await? {
            Some(time) if time >= before => break,
            Some(_) => segment_max = stored.segment,
            None => {}
        }
    }
    if segment_max <= first {
        return Ok(None);
    }
    let newest = newest_checkpoint(checkpoints, group, u64::MAX).await?;
    let newest = newest.map_or(0, |(newest, _)| newest.segment);
    let base = newest_checkpoint(checkpoints, group, segment_max).await?;
    let base = base.map(|(base, _)| base);
    Ok(base.filter(|base| first < base.segment && base.segment < newest))
}

//! Checkpoints: pages of cells, only the changed ones written, the manifest last.

use std::collections::BTreeSet;

use futures_util::stream::{self, TryStreamExt};
use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;
use tickwire_signals::ENGINE_VERSION;
use tickwire_streams::GroupKey;
use tickwire_wire::{Manifest, PageName, decode, encode};

use crate::ingest_ticks::IngestPorts;
use crate::load_group::{CHECKPOINTS_KEPT, Loaded, committed_at};
use crate::ports::{Checkpoints, PortError, PortResult, StoredCheckpoint};
use crate::settle::SettleError;

/// Bytes of a page.
const PAGE_BYTES_MAX: usize = 256 * 1_024;
/// Instruments whose cells share pages.
const CELLS_PER_BUCKET: usize = 16;
/// Parts of a bucket: the low bits of a page's number.
const PARTS_BITS: u32 = 12;
/// Log that is cheaper to fold again than to write a checkpoint for.
const LOG_BYTES_MIN: u64 = 1_048_576;
/// Log after which a cold start would take too long.
const LOG_BYTES_MAX: u64 = 6 * 1_048_576;
/// Replay is worth about so many times its bytes in a checkpoint's: reading is cheaper than writing.
const REPLAY_PER_CHECKPOINT: u64 = 8;
/// A checkpoint is written at least so often while there are events.
const CHECKPOINT_NANOS_MAX: i64 = 3_600 * UnixNanos::PER_SECOND;
/// Of older ones the first of such a time is kept.
const DAY_NANOS: i64 = 86_400 * UnixNanos::PER_SECOND;
/// Pages written at once.
const PAGES_AT_ONCE: usize = 8;

#[derive(Serialize, Deserialize)]
struct Bucket {
    cells: Vec<Vec<u8>>,
}

/// Whether the page's bytes are what the manifest names.
pub(crate) fn page_is_whole(name: &PageName, bytes: &[u8]) -> bool {
    crc32fast::hash(bytes) == name.checksum
}

/// The cells of all pages, in order.
pub(crate) fn join_pages(pages: Vec<(u32, Vec<u8>)>) -> Result<Vec<Vec<u8>>, String> {
    let mut cells = Vec::new();
    let mut bucket: Vec<u8> = Vec::new();
    let mut pages = pages.into_iter().peekable();
    while let Some((page, bytes)) = pages.next() {
        bucket.extend_from_slice(&bytes);
        let last = pages
            .peek()
            .is_none_or(|(next, _)| next >> PARTS_BITS != page >> PARTS_BITS);
        if last {
            let Bucket { cells: mut more } =
                postcard::from_bytes(&bucket).map_err(|e| format!("bucket {}: {e}", page >> PARTS_BITS))?;
            cells.append(&mut more);
            bucket.clear();
        }
    }
    Ok(cells)
}

/// Writes a checkpoint if folding the log again would cost more.
pub(crate) async fn write_when_due(
    ports: &IngestPorts,
    group: &GroupKey,
    loaded: &mut Loaded,
) -> Result<bool, SettleError> {
    let now = ports.clock.now();
    let threshold = (loaded.pages_bytes * REPLAY_PER_CHECKPOINT).clamp(LOG_BYTES_MIN, LOG_BYTES_MAX);
    let old = now.0.saturating_sub(loaded.checkpoint_written.0.0) > CHECKPOINT_NANOS_MAX;
    if loaded.log_bytes < threshold && !(old && loaded.log_bytes > 0) {
        return Ok(false);
    }
    write(ports, group, loaded, now).await?;
    Ok(true)
}

async fn write(
    ports: &IngestPorts,
    group: &GroupKey,
    loaded: &mut Loaded,
    now: UnixNanos,
) -> Result<(), SettleError> {
    let segment = loaded.state.segment;
    // Pages of a checkpoint that others have built on since may be retired already:
    // only what is newest is built on.
    let newest = ports.checkpoints.manifests(group, u64::MAX, 1).await?;
    if newest.first().map_or(0, |newest| newest.segment) != loaded.checkpoint_written.1 {
        loaded.state.engine.mark_all_changed();
        loaded.pages.clear();
    }
    let engine = &mut loaded.state.engine;
    let cells = engine.cells();
    let mut changed: Vec<usize> = engine
        .take_changed()
        .into_iter()
        .map(|cell| cell / CELLS_PER_BUCKET)
        .collect();
    changed.dedup();
    let mut pages: Vec<PageName> = loaded
        .pages
        .iter()
        .filter(|page| !changed.contains(&((page.page >> PARTS_BITS) as usize)))
        .copied()
        .collect();
    let mut writes = Vec::new();
    for bucket in changed {
        let members = bucket * CELLS_PER_BUCKET..((bucket + 1) * CELLS_PER_BUCKET).min(cells);
        let content = Bucket {
            cells: members.map(|cell| engine.export_cell(cell)).collect(),
        };
        // Encoding into memory does not fail for bytes; an empty bucket would be refused when read.
        let bytes = postcard::to_allocvec(&content).unwrap_or_default();
        for (part, bytes) in (0u32..).zip(bytes.chunks(PAGE_BYTES_MAX)) {
            let page = (bucket as u32) << PARTS_BITS | part;
            pages.push(PageName {
                segment,
                page,
                checksum: crc32fast::hash(bytes),
            });
            writes.push((page, bytes.to_vec()));
        }
    }
    pages.sort_unstable_by_key(|page| page.page);
    let written: u64 = writes.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let manifest = Manifest {
        segment,
        engine_version: ENGINE_VERSION,
        head: engine.export_head(),
        sources: loaded.state.sources.values().cloned().collect(),
        set_aside: loaded.state.set_aside,
        pages: pages.clone(),
        bytes: written,
    };
    let outcome = async {
        stream::iter(writes.iter().map(Ok::<_, SettleError>))
            .try_for_each_concurrent(PAGES_AT_ONCE, |(page, bytes)| async move {
                Ok(ports.checkpoints.put_page(group, segment, *page, bytes).await?)
            })
            .await?;
        ports
            .checkpoints
            .put_manifest(group, segment, &encode(&manifest)?)
            .await?;
        Ok::<(), SettleError>(())
    }
    .await;
    if let Err(error) = outcome {
        // What changed is not known any more to be written: the next checkpoint writes everything.
        loaded.state.engine.mark_all_changed();
        loaded.pages.clear();
        return Err(error);
    }
    loaded.pages = pages;
    loaded.pages_bytes = written;
    loaded.checkpoint_written = (now, segment);
    loaded.log_bytes = 0;
    loaded.log_events = 0;
    retire(ports, group).await
}

/// Of the checkpoints that are not among the newest any more the first of each day is kept, by the
/// time of its commit: the log can be folded from it. Deletes the others.
async fn retire(ports: &IngestPorts, group: &GroupKey) -> Result<(), SettleError> {
    let stored = ports
        .checkpoints
        .manifests(group, u64::MAX, CHECKPOINTS_KEPT + 2)
        .await?;
    let [newest @ .., retiring, older] = &*stored else {
        return Ok(());
    };
    if newest.len() < CHECKPOINTS_KEPT {
        return Ok(());
    }
    let day = async |segment| {
        let time = committed_at(&*ports.log, group, segment).await?;
        Ok::<_, PortError>(time.map(|time| time.0.div_euclid(DAY_NANOS)))
    };
    if day(retiring.segment).await? != day(older.segment).await? {
        return Ok(());
    }
    let kept = newest.iter().chain([older]);
    let kept: Vec<Manifest> = kept.filter_map(|stored| decode(&stored.manifest).ok()).collect();
    Ok(delete_checkpoint(&*ports.checkpoints, group, retiring, &kept).await?)
}

/// Deletes a checkpoint, and those of its pages that none of `kept` has, which are those before
/// and behind it that stay: what neither of them has, no other has.
pub(crate) async fn delete_checkpoint(
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
    checkpoint: &StoredCheckpoint,
    kept: &[Manifest],
) -> PortResult<()> {
    let name = |page: &PageName| (page.segment, page.page);
    let in_use: BTreeSet<(u64, u32)> = kept
        .iter()
        .flat_map(|manifest| manifest.pages.iter().map(name))
        .collect();
    let pages = decode::<Manifest>(&checkpoint.manifest).map_or(Vec::new(), |manifest| manifest.pages);
    let pages: Vec<(u64, u32)> = pages
        .iter()
        .map(name)
        .filter(|page| !in_use.contains(page))
        .collect();
    checkpoints.delete(group, checkpoint.segment, &pages).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_bucket_join_again() {
        let content = Bucket {
            cells: vec![vec![7; PAGE_BYTES_MAX], vec![8; 10], Vec::new()],
        };
        let bytes = postcard::to_allocvec(&content).unwrap();
        let mut pages: Vec<(u32, Vec<u8>)> = (0u32..)
            .zip(bytes.chunks(PAGE_BYTES_MAX))
            .map(|(part, bytes)| (part, bytes.to_vec()))
            .collect();
        let other = Bucket {
            cells: vec![vec![9; 3]],
        };
        pages.push((1 << PARTS_BITS, postcard::to_allocvec(&other).unwrap()));
        let cells = join_pages(pages.clone()).unwrap();
        assert_eq!(cells, [content.cells, other.cells].concat());
        pages.remove(1);
        assert!(join_pages(pages).is_err(), "a missing part must be seen");
    }
}

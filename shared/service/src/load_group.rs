//! Loading a group: the newest checkpoint that is whole, then the log after it.

use tickwire_market::UnixNanos;
use tickwire_signals::{ENGINE_VERSION, Engine, StateRefusal};
use tickwire_streams::GroupKey;
use tickwire_wire::{BinaryError, Manifest, PageName, Segment, decode};

use crate::checkpoint::{join_pages, page_is_whole};
use crate::group::{ApplyError, GroupState, Settlement};
use crate::ingest_ticks::IngestPorts;
use crate::plans::unreadable;
use crate::ports::{Checkpoints, GroupRow, Log, PortError, PortResult};

/// Bytes of log read in one call.
const READ_BYTES: usize = 1_048_576;
/// Checkpoints tried, newest first; so many of the newest are always kept.
pub(crate) const CHECKPOINTS_KEPT: usize = 3;

/// Why a group could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A stored shape.
    #[error("failed to read the log: {0}")]
    Binary(#[from] BinaryError),
    /// A segment that does not fit.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The log does not reach back so far.
    #[error("the log begins at segment {first}: what was before has expired")]
    Expired {
        /// The first segment that it has.
        first: u64,
    },
    /// The log has a hole.
    #[error("the log has segment {found} where {expected} belongs")]
    Hole {
        /// What was found.
        found: u64,
        /// What should be there.
        expected: u64,
    },
}

/// A group in memory, at the head of its log.
#[derive(Debug)]
pub struct Loaded {
    /// The group's row.
    pub row: GroupRow,
    /// State after the last segment.
    pub state: GroupState,
    /// What the last segment leads to and may not have been carried out.
    pub pending: Option<Settlement>,
    /// When it was last used.
    pub used_at: UnixNanos,
    /// When it last committed.
    pub committed_at: UnixNanos,
    /// From when on the latest row may be written again, and the segment it holds.
    pub latest_written: (UnixNanos, u64),
    /// When the last checkpoint was written, or the first segment after it if that is
    /// what is known; and of which segment it is.
    pub checkpoint_written: (UnixNanos, u64),
    /// Pages of the last checkpoint.
    pub pages: Vec<PageName>,
    /// Bytes of those pages.
    pub pages_bytes: u64,
    /// Bytes of log after the last checkpoint.
    pub log_bytes: u64,
    /// Events in it.
    pub log_events: u64,
}

/// Loads a group; mints its row if there is none.
pub(crate) async fn load(ports: &IngestPorts, group: &GroupKey) -> Result<Loaded, LoadError> {
    let row = match ports.groups.group(group).await? {
        Some(row) => row,
        None => {
            let bytes = ports.entropy.bytes()?;
            let epoch = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            ports
                .groups
                .create_group(group, &GroupRow { epoch, shards: 1 })
                .await?
        }
    };
    let now = ports.clock.now();
    let (manifest, state) = match newest_checkpoint(&*ports.checkpoints, group, u64::MAX).await? {
        Some((manifest, state)) => (manifest, state),
        None => (Manifest::default(), GroupState::default()),
    };
    let mut loaded = Loaded {
        row,
        pending: None,
        used_at: now,
        committed_at: UnixNanos(0),
        latest_written: (UnixNanos(0), 0),
        checkpoint_written: (now, manifest.segment),
        pages: manifest.pages,
        pages_bytes: manifest.bytes,
        log_bytes: 0,
        log_events: 0,
        state,
    };
    // The tail of a log that ends at the checkpoint may be unpublished too: its
    // signals are folded again from one segment before.
    if loaded.state.segment > 0 {
        let tail = ports.log.read(group, loaded.state.segment, 1).await?;
        if let Some(stored) = tail
            .first()
            .filter(|stored| stored.number == loaded.state.segment)
        {
            let segment: Segment = decode(&stored.bytes)?;
            loaded.pending = Some(Settlement {
                segment: stored.number,
                plan_version: segment.plan_version,
                // What the checkpoint stands for was settled before it was written, but for the publication.
                plan_changed: false,
                committed_at: segment.committed_at,
                sources: segment.sources.iter().map(|row| row.name.to_string()).collect(),
                signals: segment.signals(stored.number),
                bars: Vec::new(),
            });
        }
    }
    catch_up(ports, group, &mut loaded).await?;
    Ok(loaded)
}

/// Folds what the log has beyond the state.
pub(crate) async fn catch_up(
    ports: &IngestPorts,
    group: &GroupKey,
    loaded: &mut Loaded,
) -> Result<(), LoadError> {
    loop {
        let stored = ports
            .log
            .read(group, loaded.state.segment + 1, READ_BYTES)
            .await?;
        if stored.is_empty() {
            return Ok(());
        }
        for stored in stored {
            check_follows(loaded.state.segment, stored.number)?;
            let segment: Segment = decode(&stored.bytes)?;
            let mut settlement = loaded.state.apply(stored.number, &segment)?;
            // The plan row of a segment in between is superseded by that of the last.
            settlement.plan_changed |= loaded
                .pending
                .as_ref()
                .is_some_and(|pending| pending.plan_changed);
            if loaded.log_bytes == 0 {
                // However often it is loaded anew, a checkpoint is due an hour after the first
                // segment that none has.
                loaded.checkpoint_written.0 = loaded.checkpoint_written.0.min(segment.committed_at);
            }
            loaded.log_bytes += stored.bytes.len() as u64;
            loaded.log_events += segment.events_len() as u64;
            loaded.pending = Some(settlement);
        }
    }
}

/// When a segment was committed, if it is in the log.
pub(crate) async fn committed_at(
    log: &dyn Log,
    group: &GroupKey,
    segment: u64,
) -> PortResult<Option<UnixNanos>> {
    let stored = log.between(group, segment, segment).await?;
    let segment = stored.first().map(|stored| decode::<Segment>(&stored.bytes));
    let segment = segment.transpose().map_err(|error| unreadable("log", &error))?;
    Ok(segment.map(|segment| segment.committed_at))
}

/// Checks that a segment is the one behind `last`, which is 0 before the first.
pub(crate) fn check_follows(last: u64, found: u64) -> Result<(), LoadError> {
    match (last, found) {
        _ if found == last + 1 => Ok(()),
        (0, first) => Err(LoadError::Expired { first }),
        _ => Err(LoadError::Hole {
            found,
            expected: last + 1,
        }),
    }
}

/// The newest checkpoint at or below `segment_max` that is whole, of this
/// engine's version or an older one.
pub async fn newest_checkpoint(
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
    segment_max: u64,
) -> Result<Option<(Manifest, GroupState)>, LoadError> {
    for stored in checkpoints
        .manifests(group, segment_max, CHECKPOINTS_KEPT)
        .await?
    {
        let manifest: Manifest = match decode(&stored.manifest) {
            Ok(manifest) => manifest,
            Err(BinaryError::Newer { .. }) => {
                return Err(ApplyError::NewerEngine {
                    segment: stored.segment,
                    found: u32::MAX,
                }
                .into());
            }
            Err(error) => {
                tracing::warn!(%group, segment = stored.segment, %error, "a checkpoint was passed over");
                continue;
            }
        };
        if manifest.engine_version > ENGINE_VERSION {
            return Err(ApplyError::NewerEngine {
                segment: manifest.segment,
                found: manifest.engine_version,
            }
            .into());
        }
        match restore(checkpoints, group, &manifest).await? {
            Ok(state) => return Ok(Some((manifest, state))),
            Err(why) => {
                tracing::warn!(%group, segment = stored.segment, %why, "a checkpoint was passed over");
            }
        }
    }
    Ok(None)
}

async fn restore(
    checkpoints: &dyn Checkpoints,
    group: &GroupKey,
    manifest: &Manifest,
) -> Result<Result<GroupState, String>, PortError> {
    let names: Vec<(u64, u32)> = manifest
        .pages
        .iter()
        .map(|page| (page.segment, page.page))
        .collect();
    let stored = checkpoints.pages(group, &names).await?;
    let mut pages = Vec::with_capacity(stored.len());
    for (name, bytes) in manifest.pages.iter().zip(stored) {
        match bytes {
            Some(bytes) if page_is_whole(name, &bytes) => pages.push((name.page, bytes)),
            Some(_) => return Ok(Err(format!("page {} of {} is damaged", name.page, name.segment))),
            None => return Ok(Err(format!("page {} of {} is missing", name.page, name.segment))),
        }
    }
    let engine = join_pages(pages)
        .and_then(|cells| Engine::restore(&manifest.head, &cells).map_err(|e: StateRefusal| e.to_string()));
    Ok(engine.map(|engine| GroupState {
        engine,
        sources: manifest
            .sources
            .iter()
            .map(|row| (row.name.clone(), row.clone()))
            .collect(),
        set_aside: manifest.set_aside,
        segment: manifest.segment,
    }))
}

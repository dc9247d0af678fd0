//! Logs, rows of groups, checkpoints, bars.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::ports::{
    Appended, Bars, Checkpoints, GroupRow, Groups, Log, PortError, PortResult, StoredCheckpoint,
    StoredSegment,
};
use tickwire_streams::GroupKey;

use super::Ports;
use crate::planted::Bug;
use crate::truth::Promise;

/// Manifests that a load asks for.
const MANIFESTS_OF_A_LOAD: usize = 3;
/// A load reads the log by more than this.
const READ_OF_A_LOAD_BYTES: usize = 65_536;
#[async_trait]
impl Log for Ports {
    async fn append(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> PortResult<Appended> {
        self.memory().appended.insert((group.clone(), number));
        let appended = self
            .call("append", |world| {
                let unconditional = world.has(Bug::UnconditionalAppend);
                let log = world.tables.log.entry(group.clone()).or_default();
                let head = log.len() as u64;
                if number <= head && !unconditional {
                    return Ok(Appended::Taken);
                }
                if number > head {
                    log.push(bytes.to_vec());
                }
                world.note(bytes);
                if let Err((promise, what)) = world.truth.on_commit(group, number, bytes) {
                    world.violate(promise, what);
                }
                Ok(Appended::Committed)
            })
            .await;
        match appended {
            Err(PortError::Unavailable { .. }) if self.has(Bug::TimeoutTakenForCommit) => {
                Ok(Appended::Committed)
            }
            Ok(Appended::Taken) if self.has(Bug::TakenTakenForOurs) => Ok(Appended::Committed),
            appended => appended,
        }
    }

    async fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> PortResult<Vec<StoredSegment>> {
        let stored = self
            .call("read", |world| {
                let log = world.tables.log.get(group).map_or(&[][..], Vec::as_slice);
                let first = usize::try_from(from.max(1)).unwrap_or(usize::MAX) - 1;
                let mut bytes_read = 0;
                let stored = (first + 1..)
                    .zip(log.iter().skip(first))
                    .take_while(|(_, bytes)| {
                        let is_first = bytes_read == 0;
                        bytes_read += bytes.len();
                        is_first || bytes_read <= bytes_max
                    });
                Ok(stored
                    .map(|(number, bytes)| StoredSegment {
                        number: number as u64,
                        bytes: bytes.clone(),
                    })
                    .collect())
            })
            .await?;
        let after_checkpoint = self
            .memory()
            .loaded_at
            .get(group)
            .is_some_and(|segment| segment + 1 == from);
        if after_checkpoint && bytes_max > READ_OF_A_LOAD_BYTES && self.has(Bug::CheckpointAlone) {
            return Ok(Vec::new());
        }
        Ok(stored)
    }

    async fn between(&self, group: &GroupKey, from: u64, to: u64) -> PortResult<Vec<StoredSegment>> {
        self.call("between", |world| {
            let log = world.tables.log.get(group).map_or(&[][..], Vec::as_slice);
            let numbered = (1u64..)
                .zip(log)
                .filter(|(number, _)| (from..=to).contains(number));
            Ok(numbered
                .map(|(number, bytes)| StoredSegment {
                    number,
                    bytes: bytes.clone(),
                })
                .collect())
        })
        .await
    }

    async fn head(&self, group: &GroupKey) -> PortResult<u64> {
        self.call("head", |world| {
            Ok(world.tables.log.get(group).map_or(0, Vec::len) as u64)
        })
        .await
    }
}

type Versioned = BTreeMap<GroupKey, (u64, Vec<u8>)>;

fn put_versioned(rows: &mut Versioned, group: &GroupKey, version: u64, bytes: &[u8]) {
    if rows.get(group).is_none_or(|(stored, _)| version >= *stored) {
        rows.insert(group.clone(), (version, bytes.to_vec()));
    }
}

#[async_trait]
impl Groups for Ports {
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>> {
        self.call("group", |world| Ok(world.tables.groups.get(group).cloned()))
            .await
    }

    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow> {
        self.call("create_group", |world| {
            Ok(world
                .tables
                .groups
                .entry(group.clone())
                .or_insert_with(|| row.clone())
                .clone())
        })
        .await
    }

    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32> {
        self.call("begin_attempt", |world| {
            let attempts = world
                .tables
                .attempts
                .entry((group.clone(), message_id.to_owned()))
                .or_default();
            *attempts += 1;
            Ok(*attempts)
        })
        .await
    }

    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()> {
        self.call("end_attempt", |world| {
            world
                .tables
                .attempts
                .remove(&(group.clone(), message_id.to_owned()));
            Ok(())
        })
        .await
    }

    async fn groups(&self) -> PortResult<Vec<GroupKey>> {
        self.call("groups", |world| {
            Ok(world.tables.groups.keys().cloned().collect())
        })
        .await
    }

    async fn put_plan(&self, group: &GroupKey, version: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_plan", |world| {
            put_versioned(&mut world.tables.plans, group, version, bytes);
            Ok(())
        })
        .await
    }

    async fn plan(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.call("plan", |world| Ok(world.tables.plans.get(group).cloned()))
            .await
    }

    async fn put_latest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_latest", |world| {
            put_versioned(&mut world.tables.latest, group, segment, bytes);
            Ok(())
        })
        .await
    }

    async fn latest(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        if self.has(Bug::LatestCached)
            && let Some(row) = self.memory().latest.get(group)
        {
            return Ok(Some(row.clone()));
        }
        let row = self
            .call("latest", |world| Ok(world.tables.latest.get(group).cloned()))
            .await?;
        if let Some(row) = &row {
            self.memory().latest.insert(group.clone(), row.clone());
        }
        Ok(row)
    }
}

#[async_trait]
impl Checkpoints for Ports {
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()> {
        self.call("put_page", |world| {
            let before = world
                .tables
                .pages
                .insert((group.clone(), segment, page), bytes.to_vec());
            if before.is_some_and(|before| before != bytes) {
                let what = format!(
                    "{group}: page {page} of the checkpoint at {segment} was written with other content"
                );
                world.violate(Promise::SignalOfEngine, what);
            }
            Ok(())
        })
        .await
    }

    async fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> PortResult<Vec<Option<Vec<u8>>>> {
        self.call("pages", |world| {
            let page = |(segment, page): &(u64, u32)| {
                world.tables.pages.get(&(group.clone(), *segment, *page)).cloned()
            };
            Ok(pages.iter().map(page).collect())
        })
        .await
    }

    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_manifest", |world| {
            world
                .tables
                .manifests
                .insert((group.clone(), segment), bytes.to_vec());
            Ok(())
        })
        .await
    }

    async fn manifests(
        &self,
        group: &GroupKey,
        segment_max: u64,
        limit: usize,
    ) -> PortResult<Vec<StoredCheckpoint>> {
        let manifests = self
            .call("manifests", |world| {
                let stored = world
                    .tables
                    .manifests
                    .range((group.clone(), 0)..=(group.clone(), segment_max))
                    .rev();
                let newest = stored.take(limit);
                Ok(newest
                    .map(|((_, segment), manifest)| StoredCheckpoint {
                        segment: *segment,
                        manifest: manifest.clone(),
                    })
                    .collect::<Vec<_>>())
            })
            .await?;
        if let Some(newest) = manifests.first().filter(|_| limit == MANIFESTS_OF_A_LOAD) {
            self.memory().loaded_at.insert(group.clone(), newest.segment);
        }
        Ok(manifests)
    }

    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()> {
        self.call("delete", |world| {
            world.tables.manifests.remove(&(group.clone(), segment));
            for (segment, page) in pages {
                world.tables.pages.remove(&(group.clone(), *segment, *page));
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Bars for Ports {
    async fn put_block(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        first_end: UnixNanos,
        block: u64,
        bytes: &[u8],
    ) -> PortResult<()> {
        self.call("put_block", |world| {
            let blocks = world.tables.bars.entry((group.clone(), timeframe)).or_default();
            let same = blocks.entry((first_end, block)).or_insert_with(|| bytes.to_vec()) == bytes;
            if !same {
                let what = format!("{group}: block {block} of {timeframe} was written with other bars");
                world.violate(Promise::SignalOfEngine, what);
            }
            Ok(())
        })
        .await
    }

    async fn blocks(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
        newest_first: bool,
        limit: usize,
    ) -> PortResult<Vec<Vec<u8>>> {
        self.call("blocks", |world| {
            let blocks = world
                .tables
                .bars
                .get(&(group.clone(), timeframe))
                .into_iter()
                .flatten();
            let wanted = blocks.filter(|((end, _), _)| from <= *end && *end < to);
            let mut wanted: Vec<Vec<u8>> = wanted.map(|(_, bytes)| bytes.clone()).collect();
            if newest_first {
                wanted.reverse();
            }
            wanted.truncate(limit);
            Ok(wanted)
        })
        .await
    }

    async fn block_names(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
        newest_first: bool,
        limit: usize,
    ) -> PortResult<Vec<(UnixNanos, u64)>> {
        self.call("block_names", |world| {
            let blocks = world.tables.bars.get(&(group.clone(), timeframe));
            let names = blocks.into_iter().flat_map(|blocks| blocks.keys());
            let mut wanted: Vec<_> = names
                .filter(|(end, _)| from <= *end && *end < to)
                .copied()
                .collect();
            if newest_first {
                wanted.reverse();
            }
            wanted.truncate(limit);
            Ok(wanted)
        })
        .await
    }
}

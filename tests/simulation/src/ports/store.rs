//! Logs, rows of groups, checkpoints, bars.

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_service::expire_log::log_kept;
use tickwire_service::ports::{
    Appended, Bars, BlockRange, Checkpoints, GroupRow, GroupView, Groups, Log, PageRange, PagesOf, PortError,
    PortResult, StoredBlock, StoredCheckpoint, StoredPage, StoredSegment,
};
use tickwire_service::testing::Tables;
use tickwire_streams::GroupKey;
use tickwire_wire::{BarPage, Segment, decode, encode};

use super::Ports;
use crate::planted::Bug;
use crate::truth::{Promise, may_go};
use crate::world::{MILLISECOND, SKEW_MAX, World};

/// Manifests that a load asks for.
const MANIFESTS_OF_A_LOAD: usize = 3;
/// A load reads the log by more than this.
const READ_OF_A_LOAD_BYTES: usize = 65_536;
/// Blocks that a compaction asks for, and nobody else.
const BLOCKS_OF_A_COMPACTION: usize = 512;
/// Pages that it asks for.
const PAGES_OF_A_COMPACTION: usize = 1;
/// How long segments are kept.
const LOG_KEPT: i64 = log_kept.as_nanos() as i64;
/// Blocks are deleted so many at a time.
const BLOCKS_PER_DELETION: usize = 25;

/// Segments that were committed before a time.
fn older(tables: &Tables, group: &GroupKey, before: UnixNanos) -> Vec<u64> {
    let is_older = |(_, bytes): &(&u64, &Vec<u8>)| {
        decode::<Segment>(bytes).is_ok_and(|segment| segment.committed_at < before)
    };
    let log = tables.log.get(group).into_iter().flatten();
    log.filter(is_older).map(|(number, _)| *number).collect()
}

#[async_trait]
impl Log for Ports {
    async fn append(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> PortResult<Appended> {
        self.memory().appended.insert((group.clone(), number));
        let appended = self
            .call("append", |world| {
                let appended = world.tables.append(group, number, bytes);
                if appended == Appended::Taken && !world.has(Bug::UnconditionalAppend) {
                    return Ok(Appended::Taken);
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
            .call("read", |world| Ok(world.tables.read(group, from, bytes_max)))
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
        self.call("between", |world| Ok(world.tables.between(group, from, to)))
            .await
    }

    async fn head(&self, group: &GroupKey) -> PortResult<u64> {
        self.call("head", |world| Ok(world.tables.head(group))).await
    }

    async fn forget(&self, group: &GroupKey, numbers: &[u64]) -> PortResult<()> {
        self.call("forget", |world| {
            let before = UnixNanos(world.now + SKEW_MAX - LOG_KEPT);
            let mut numbers = numbers.to_vec();
            if world.has(Bug::ExpiredByAge) {
                numbers.extend(older(&world.tables, group, before));
            }
            let held = may_go(&world.tables, group, &numbers, before);
            world.hold(held);
            world.tables.forget(group, &numbers);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Groups for Ports {
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>> {
        self.call("group", |world| Ok(world.tables.groups.get(group).cloned()))
            .await
    }

    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow> {
        self.call("create_group", |world| Ok(world.tables.create_group(group, row)))
            .await
    }

    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32> {
        self.call("begin_attempt", |world| {
            Ok(world.tables.begin_attempt(group, message_id))
        })
        .await
    }

    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()> {
        self.call("end_attempt", |world| {
            world.tables.end_attempt(group, message_id);
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
            world.tables.put_plan(group, version, bytes);
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
            world.tables.put_latest(group, segment, bytes);
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

    async fn views(&self, groups: &[GroupKey]) -> PortResult<Vec<Option<GroupView>>> {
        // Each part is as of a moment of its own, and either may be the first.
        let once = self.call("views", |world| Ok(world.tables.views(groups))).await?;
        let (again, swapped) = self
            .call("views", |world| {
                Ok((world.tables.views(groups), world.now / MILLISECOND % 2 == 0))
            })
            .await?;
        let (plans, others) = if swapped { (again, once) } else { (once, again) };
        let plans = plans.into_iter().map(|view| view.and_then(|view| view.plan));
        let mut views: Vec<Option<GroupView>> = others
            .into_iter()
            .zip(plans)
            .map(|(view, plan)| view.map(|view| GroupView { plan, ..view }))
            .collect();
        if self.has(Bug::LatestCached) {
            let mut memory = self.memory();
            for (group, view) in groups.iter().zip(&mut views) {
                let Some(GroupView {
                    latest: Some(latest), ..
                }) = view
                else {
                    continue;
                };
                *latest = memory
                    .latest
                    .entry(group.clone())
                    .or_insert_with(|| latest.clone())
                    .clone();
            }
        }
        Ok(views)
    }
}

#[async_trait]
impl Checkpoints for Ports {
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()> {
        self.call("put_page", |world| {
            if !world.tables.put_page(group, segment, page, bytes) {
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
        self.call("pages", |world| Ok(world.tables.pages(group, pages)))
            .await
    }

    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_manifest", |world| {
            world.tables.put_manifest(group, segment, bytes);
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
                Ok(world.tables.manifests(group, segment_max, limit))
            })
            .await?;
        if let Some(newest) = manifests.first().filter(|_| limit == MANIFESTS_OF_A_LOAD) {
            self.memory().loaded_at.insert(group.clone(), newest.segment);
        }
        Ok(manifests)
    }

    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()> {
        self.call("delete", |world| {
            world.tables.delete(group, segment, pages);
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
            if !world.tables.put_block(group, timeframe, first_end, block, bytes) {
                let what = format!("{group}: block {block} of {timeframe} was written with other bars");
                world.violate(Promise::SignalOfEngine, what);
            }
            let held = world.truth.bars.on_block(group, timeframe, bytes);
            world.hold(held);
            Ok(())
        })
        .await
    }

    async fn blocks(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<StoredBlock>> {
        self.call("blocks", |world| {
            let blocks = world.tables.blocks(group, range);
            let block = |(name, bytes): (&_, &Vec<u8>)| StoredBlock {
                name: *name,
                bytes: bytes.clone(),
            };
            let blocks: Vec<StoredBlock> = blocks.map(block).collect();
            if world.has(Bug::BlocksDeletedFirst) && range.limit == BLOCKS_OF_A_COMPACTION {
                let names: Vec<_> = blocks.iter().map(|block| block.name).collect();
                delete_blocks(world, group, range.timeframe, &names);
            }
            Ok(blocks)
        })
        .await
    }

    async fn block_names(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<(UnixNanos, u64)>> {
        self.call("block_names", |world| {
            let blocks = world.tables.blocks(group, range);
            Ok(blocks.map(|(name, _)| *name).collect())
        })
        .await
    }

    async fn delete_blocks(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        names: &[(UnixNanos, u64)],
    ) -> PortResult<()> {
        for names in names.chunks(BLOCKS_PER_DELETION) {
            self.call("delete_blocks", |world| {
                delete_blocks(world, group, timeframe, names);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    async fn put_bar_page(
        &self,
        of: PagesOf<'_>,
        start: UnixNanos,
        was: u64,
        bytes: &[u8],
    ) -> PortResult<bool> {
        self.call("put_bar_page", |world| {
            let key = (of.group.clone(), of.timeframe, of.instrument.cloned());
            let pages = world.tables.bar_pages.get(&key);
            let before = pages.and_then(|pages| pages.get(&start)).cloned();
            let is_put = world.tables.put_bar_page(of, start, was, bytes);
            if is_put {
                let before = before.as_ref().map(|(_, bytes)| &**bytes);
                let held = world.truth.bars.on_page(of, before, bytes);
                world.hold(held);
            }
            Ok(is_put)
        })
        .await
    }

    async fn bar_pages(&self, of: PagesOf<'_>, range: PageRange) -> PortResult<Vec<StoredPage>> {
        let mut pages = self
            .call("bar_pages", |world| Ok(world.tables.bar_pages(of, range)))
            .await?;
        if self.has(Bug::PageNotRead) && range.limit == PAGES_OF_A_COMPACTION && of.instrument.is_some() {
            for page in &mut pages {
                page.bytes = encode(&BarPage::default()).unwrap_or_default();
            }
        }
        Ok(pages)
    }
}

fn delete_blocks(world: &mut World, group: &GroupKey, timeframe: Timeframe, names: &[(UnixNanos, u64)]) {
    let tables = &world.tables;
    let held = world.truth.bars.on_deletion(tables, group, timeframe, names);
    world.hold(held);
    world.compacted += names.len() as u64;
    world.tables.delete_blocks(group, timeframe, names);
}

//! The ports of a [`Process`], over its store.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use tickwire_market::{Timeframe, UnixNanos};
use tickwire_streams::GroupKey;

use super::*;

#[async_trait]
impl Log for Process {
    async fn append(&self, group: &GroupKey, number: u64, bytes: &[u8]) -> PortResult<Appended> {
        self.call("append", |content| {
            let head = content.tables.head(group);
            let appended = content.tables.append(group, number, bytes);
            if appended == Appended::Committed {
                if number != head + 1 {
                    content
                        .violations
                        .push(format!("{group}: segment {number} committed behind {head}"));
                } else if !content.is_published(group, head) {
                    content.violations.push(format!(
                        "{group}: segment {number} committed before {head} was published"
                    ));
                }
            }
            Ok(appended)
        })
        .await
    }

    async fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> PortResult<Vec<StoredSegment>> {
        self.call("read", |content| Ok(content.tables.read(group, from, bytes_max)))
            .await
    }

    async fn between(&self, group: &GroupKey, from: u64, to: u64) -> PortResult<Vec<StoredSegment>> {
        self.call("between", |content| Ok(content.tables.between(group, from, to)))
            .await
    }

    async fn head(&self, group: &GroupKey) -> PortResult<u64> {
        self.call("head", |content| Ok(content.tables.head(group))).await
    }

    async fn forget(&self, group: &GroupKey, numbers: &[u64]) -> PortResult<()> {
        self.call("forget", |content| {
            content.tables.forget(group, numbers);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Groups for Process {
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>> {
        self.call("group", |content| Ok(content.tables.groups.get(group).cloned()))
            .await
    }

    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow> {
        self.call("create_group", |content| {
            Ok(content.tables.create_group(group, row))
        })
        .await
    }

    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32> {
        self.call("begin_attempt", |content| {
            Ok(content.tables.begin_attempt(group, message_id))
        })
        .await
    }

    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()> {
        self.call("end_attempt", |content| {
            content.tables.end_attempt(group, message_id);
            Ok(())
        })
        .await
    }

    async fn groups(&self) -> PortResult<Vec<GroupKey>> {
        self.call("groups", |content| {
            Ok(content.tables.groups.keys().cloned().collect())
        })
        .await
    }

    async fn put_plan(&self, group: &GroupKey, version: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_plan", |content| {
            content.tables.put_plan(group, version, bytes);
            Ok(())
        })
        .await
    }

    async fn plan(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.call("plan", |content| Ok(content.tables.plans.get(group).cloned()))
            .await
    }

    async fn put_latest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_latest", |content| {
            if content.tables.put_latest(group, segment, bytes) {
                content.latest_history.push((group.clone(), segment));
            }
            Ok(())
        })
        .await
    }

    async fn latest(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.call("latest", |content| Ok(content.tables.latest.get(group).cloned()))
            .await
    }

    async fn views(&self, groups: &[GroupKey]) -> PortResult<Vec<Option<GroupView>>> {
        self.call("views", |content| Ok(content.tables.views(groups)))
            .await
    }
}

#[async_trait]
impl Checkpoints for Process {
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()> {
        self.call("put_page", |content| {
            if !content.tables.put_page(group, segment, page, bytes) {
                content.violations.push(format!(
                    "{group}: page {page} of {segment} written with other content"
                ));
            }
            Ok(())
        })
        .await
    }

    async fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> PortResult<Vec<Option<Vec<u8>>>> {
        self.call("pages", |content| Ok(content.tables.pages(group, pages)))
            .await
    }

    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_manifest", |content| {
            content.tables.put_manifest(group, segment, bytes);
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
        self.call("manifests", |content| {
            Ok(content.tables.manifests(group, segment_max, limit))
        })
        .await
    }

    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()> {
        self.call("delete", |content| {
            content.tables.delete(group, segment, pages);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Bars for Process {
    async fn put_block(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        first_end: UnixNanos,
        block: u64,
        bytes: &[u8],
    ) -> PortResult<()> {
        self.call("put_block", |content| {
            if !content
                .tables
                .put_block(group, timeframe, first_end, block, bytes)
            {
                content.violations.push(format!(
                    "{group}: block {block} of {timeframe} written with other bars"
                ));
            }
            Ok(())
        })
        .await
    }

    async fn blocks(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<StoredBlock>> {
        self.call("blocks", |content| {
            let blocks = content.tables.blocks(group, range);
            let block = |(name, bytes): (&_, &Vec<u8>)| StoredBlock {
                name: *name,
                bytes: bytes.clone(),
            };
            Ok(blocks.map(block).collect())
        })
        .await
    }

    async fn block_names(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<(UnixNanos, u64)>> {
        self.call("block_names", |content| {
            let blocks = content.tables.blocks(group, range);
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
        self.call("delete_blocks", |content| {
            content.tables.delete_blocks(group, timeframe, names);
            Ok(())
        })
        .await
    }

    async fn put_bar_page(
        &self,
        of: PagesOf<'_>,
        start: UnixNanos,
        was: u64,
        bytes: &[u8],
    ) -> PortResult<bool> {
        self.call("put_bar_page", |content| {
            Ok(content.tables.put_bar_page(of, start, was, bytes))
        })
        .await
    }

    async fn bar_pages(&self, of: PagesOf<'_>, range: PageRange) -> PortResult<Vec<StoredPage>> {
        self.call("bar_pages", |content| Ok(content.tables.bar_pages(of, range)))
            .await
    }
}

#[async_trait]
impl Enqueue for Process {
    async fn send(&self, queue: Queue, message: Outgoing) -> PortResult<()> {
        let copy = message.clone();
        let sent = self
            .call("send", |content| {
                content.enqueue(queue, message);
                Ok(())
            })
            .await;
        if sent.is_ok() && queue == Queue::Signals {
            self.store.content().acknowledge(&copy);
        }
        sent
    }
}

#[async_trait]
impl Park for Process {
    async fn park(&self, parked: Parked) -> PortResult<()> {
        self.call("park", |content| {
            content.parked.push(parked);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl DeadLetters for Process {
    async fn count(&self, queue: Queue) -> PortResult<u64> {
        self.call("count", |content| {
            let letters = content.parked.iter().filter(|parked| parked.queue == queue);
            Ok(letters.count() as u64)
        })
        .await
    }

    /// Nothing in hand comes back by itself.
    async fn take(&self, queue: Queue, max: usize, _: Duration) -> PortResult<Vec<DeadLetter>> {
        let now = self.now();
        self.call("take", |content| {
            let Content { parked, in_hand, .. } = content;
            let locked: BTreeSet<String> = parked
                .iter()
                .filter(|parked| in_hand.contains(&parked.message_id))
                .map(|parked| parked.group.clone())
                .collect();
            let free = parked
                .iter()
                .filter(|parked| parked.queue == queue && !locked.contains(&parked.group));
            let taken: Vec<DeadLetter> = free
                .take(max.min(10))
                .map(|parked| DeadLetter {
                    id: parked.message_id.clone(),
                    receipt: parked.message_id.clone(),
                    group: parked.group.clone(),
                    parked_at: now,
                    source_message_id: Some(parked.message_id.clone()),
                    reason: Some(parked.reason.clone()),
                    detail: Some(parked.detail.clone()),
                    body: parked.body.clone(),
                })
                .collect();
            in_hand.extend(taken.iter().map(|letter| letter.id.clone()));
            Ok(taken)
        })
        .await
    }

    async fn put_down(&self, _: Queue, receipt: &str) -> PortResult<()> {
        self.call("put_down", |content| {
            content.in_hand.remove(receipt);
            Ok(())
        })
        .await
    }

    async fn remove(&self, _: Queue, receipt: &str) -> PortResult<()> {
        self.call("remove", |content| {
            content.in_hand.remove(receipt);
            content.parked.retain(|parked| parked.message_id != receipt);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Postpone for Process {
    async fn postpone(&self, _: Queue, receipt: &str, delay: Duration) -> PortResult<()> {
        self.call("postpone", |content| {
            content.postponed.push((receipt.to_owned(), delay));
            Ok(())
        })
        .await
    }
}

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
            let log = content.log.entry(group.clone()).or_default();
            if log.contains_key(&number) {
                return Ok(Appended::Taken);
            }
            let head = log.last_key_value().map_or(0, |(number, _)| *number);
            let violation = if number != head + 1 {
                Some(format!("{group}: segment {number} committed behind {head}"))
            } else if !content.is_published(group, head) {
                Some(format!(
                    "{group}: segment {number} committed before {head} was published"
                ))
            } else {
                None
            };
            content.violations.extend(violation);
            content
                .log
                .entry(group.clone())
                .or_default()
                .insert(number, bytes.to_vec());
            Ok(Appended::Committed)
        })
        .await
    }

    async fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> PortResult<Vec<StoredSegment>> {
        self.call("read", |content| {
            let mut bytes_read = 0;
            let stored = content
                .log
                .get(group)
                .into_iter()
                .flat_map(|log| log.range(from..));
            Ok(stored
                .take_while(|(_, bytes)| {
                    let first = bytes_read == 0;
                    bytes_read += bytes.len();
                    first || bytes_read <= bytes_max
                })
                .map(|(number, bytes)| StoredSegment {
                    number: *number,
                    bytes: bytes.clone(),
                })
                .collect())
        })
        .await
    }

    async fn between(&self, group: &GroupKey, from: u64, to: u64) -> PortResult<Vec<StoredSegment>> {
        self.call("between", |content| {
            let log = content.log.get(group);
            let stored = log.into_iter().flat_map(|log| log.range(from..=to));
            let segment = |(number, bytes): (&u64, &Vec<u8>)| StoredSegment {
                number: *number,
                bytes: bytes.clone(),
            };
            Ok(stored.map(segment).collect())
        })
        .await
    }

    async fn head(&self, group: &GroupKey) -> PortResult<u64> {
        self.call("head", |content| {
            let last = content.log.get(group).and_then(|log| log.last_key_value());
            Ok(last.map_or(0, |(number, _)| *number))
        })
        .await
    }
}

fn put_if_newer(rows: &mut Versioned, group: &GroupKey, version: u64, bytes: &[u8]) -> bool {
    let newer = rows.get(group).is_none_or(|(stored, _)| version >= *stored);
    if newer {
        rows.insert(group.clone(), (version, bytes.to_vec()));
    }
    newer
}

#[async_trait]
impl Groups for Process {
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>> {
        self.call("group", |content| Ok(content.groups.get(group).cloned()))
            .await
    }

    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow> {
        self.call("create_group", |content| {
            Ok(content
                .groups
                .entry(group.clone())
                .or_insert_with(|| row.clone())
                .clone())
        })
        .await
    }

    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32> {
        self.call("begin_attempt", |content| {
            let attempts = content
                .attempts
                .entry((group.clone(), message_id.to_owned()))
                .or_default();
            *attempts += 1;
            Ok(*attempts)
        })
        .await
    }

    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()> {
        self.call("end_attempt", |content| {
            content.attempts.remove(&(group.clone(), message_id.to_owned()));
            Ok(())
        })
        .await
    }

    async fn groups(&self) -> PortResult<Vec<GroupKey>> {
        self.call("groups", |content| Ok(content.groups.keys().cloned().collect()))
            .await
    }

    async fn put_plan(&self, group: &GroupKey, version: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_plan", |content| {
            put_if_newer(&mut content.plans, group, version, bytes);
            Ok(())
        })
        .await
    }

    async fn plan(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.call("plan", |content| Ok(content.plans.get(group).cloned()))
            .await
    }

    async fn put_latest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_latest", |content| {
            if put_if_newer(&mut content.latest, group, segment, bytes) {
                content.latest_history.push((group.clone(), segment));
            }
            Ok(())
        })
        .await
    }

    async fn latest(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.call("latest", |content| Ok(content.latest.get(group).cloned()))
            .await
    }
}

#[async_trait]
impl Checkpoints for Process {
    async fn put_page(&self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> PortResult<()> {
        self.call("put_page", |content| {
            let before = content
                .pages
                .insert((group.clone(), segment, page), bytes.to_vec());
            if before.is_some_and(|before| before != bytes) {
                content.violations.push(format!(
                    "{group}: page {page} of {segment} written with other content"
                ));
            }
            Ok(())
        })
        .await
    }

    async fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> PortResult<Vec<Option<Vec<u8>>>> {
        self.call("pages", |content| {
            let stored =
                |(segment, page): &(u64, u32)| content.pages.get(&(group.clone(), *segment, *page)).cloned();
            Ok(pages.iter().map(stored).collect())
        })
        .await
    }

    async fn put_manifest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        self.call("put_manifest", |content| {
            content.manifests.insert((group.clone(), segment), bytes.to_vec());
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
            let stored = content
                .manifests
                .range((group.clone(), 0)..=(group.clone(), segment_max))
                .rev();
            let newest = stored.take(limit);
            Ok(newest
                .map(|((_, segment), manifest)| StoredCheckpoint {
                    segment: *segment,
                    manifest: manifest.clone(),
                })
                .collect())
        })
        .await
    }

    async fn delete(&self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) -> PortResult<()> {
        self.call("delete", |content| {
            content.manifests.remove(&(group.clone(), segment));
            for (segment, page) in pages {
                content.pages.remove(&(group.clone(), *segment, *page));
            }
            Ok(())
        })
        .await
    }
}

/// Blocks whose first bar ends in `[from, to)`.
fn blocks_between(
    blocks: Option<&BTreeMap<(UnixNanos, u64), Vec<u8>>>,
    from: UnixNanos,
    to: UnixNanos,
    newest_first: bool,
    limit: usize,
) -> Vec<(&(UnixNanos, u64), &Vec<u8>)> {
    let all = blocks.into_iter().flatten();
    let mut wanted: Vec<_> = all.filter(|((end, _), _)| from <= *end && *end < to).collect();
    if newest_first {
        wanted.reverse();
    }
    wanted.truncate(limit);
    wanted
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
            let blocks = content.bars.entry((group.clone(), timeframe)).or_default();
            let stored = blocks.entry((first_end, block)).or_insert_with(|| bytes.to_vec());
            if stored != bytes {
                content.violations.push(format!(
                    "{group}: block {block} of {timeframe} written with other bars"
                ));
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
        self.call("blocks", |content| {
            let blocks = content.bars.get(&(group.clone(), timeframe));
            let wanted = blocks_between(blocks, from, to, newest_first, limit);
            Ok(wanted.into_iter().map(|(_, bytes)| bytes.clone()).collect())
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
        self.call("block_names", |content| {
            let blocks = content.bars.get(&(group.clone(), timeframe));
            let wanted = blocks_between(blocks, from, to, newest_first, limit);
            Ok(wanted.into_iter().map(|(name, _)| *name).collect())
        })
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

//! What a store keeps of groups: plain rows, to which nothing goes wrong.

use std::collections::BTreeMap;

use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_streams::GroupKey;

use crate::ports::{
    Appended, BlockRange, GroupRow, GroupView, PageRange, PagesOf, StoredCheckpoint, StoredPage,
    StoredSegment,
};

/// Rows that replace only older ones.
type Versioned = BTreeMap<GroupKey, (u64, Vec<u8>)>;
/// Blocks of bars by when the first ends, and number.
type Blocks = BTreeMap<(UnixNanos, u64), Vec<u8>>;
/// Whose pages of bars: group, timeframe, instrument.
type PagesKey = (GroupKey, Timeframe, Option<InstrumentKey>);
/// Pages of bars by when they begin: revision and content.
type Pages = BTreeMap<UnixNanos, (u64, Vec<u8>)>;

/// The rows of all groups. Fields may be looked at, and spoiled, by a test.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Segments by group and number.
    pub log: BTreeMap<GroupKey, BTreeMap<u64, Vec<u8>>>,
    /// Rows of groups.
    pub groups: BTreeMap<GroupKey, GroupRow>,
    /// Attempts at suspicious messages.
    pub attempts: BTreeMap<(GroupKey, String), u32>,
    /// Plans.
    pub plans: Versioned,
    /// Latest rows.
    pub latest: Versioned,
    /// Pages of checkpoints.
    pub pages: BTreeMap<(GroupKey, u64, u32), Vec<u8>>,
    /// Manifests of checkpoints.
    pub manifests: BTreeMap<(GroupKey, u64), Vec<u8>>,
    /// Blocks of bars.
    pub bars: BTreeMap<(GroupKey, Timeframe), Blocks>,
    /// Pages of bars.
    pub bar_pages: BTreeMap<PagesKey, Pages>,
}

impl Tables {
    /// Adds a segment, if its number is free.
    pub fn append(&mut self, group: &GroupKey, number: u64, bytes: &[u8]) -> Appended {
        let log = self.log.entry(group.clone()).or_default();
        if log.contains_key(&number) {
            return Appended::Taken;
        }
        log.insert(number, bytes.to_vec());
        Appended::Committed
    }

    /// Number of a group's last segment; 0 of none.
    pub fn head(&self, group: &GroupKey) -> u64 {
        let last = self.log.get(group).and_then(BTreeMap::last_key_value);
        last.map_or(0, |(number, _)| *number)
    }

    /// Segments from a number on: one, and more as long as all are within `bytes_max`.
    pub fn read(&self, group: &GroupKey, from: u64, bytes_max: usize) -> Vec<StoredSegment> {
        let mut bytes_read = 0;
        let within = |segment: &StoredSegment| {
            let first = bytes_read == 0;
            bytes_read += segment.bytes.len();
            first || bytes_read <= bytes_max
        };
        self.numbered(group, from..).take_while(within).collect()
    }

    /// Segments of a range of numbers, both ends included.
    pub fn between(&self, group: &GroupKey, from: u64, to: u64) -> Vec<StoredSegment> {
        if from > to {
            return Vec::new();
        }
        self.numbered(group, from..=to).collect()
    }

    /// Deletes segments.
    pub fn forget(&mut self, group: &GroupKey, numbers: &[u64]) {
        if let Some(log) = self.log.get_mut(group) {
            log.retain(|number, _| !numbers.contains(number));
        }
    }

    fn numbered(
        &self,
        group: &GroupKey,
        numbers: impl std::ops::RangeBounds<u64>,
    ) -> impl Iterator<Item = StoredSegment> {
        let log = self.log.get(group).into_iter();
        log.flat_map(move |log| log.range((numbers.start_bound().cloned(), numbers.end_bound().cloned())))
            .map(|(number, bytes)| StoredSegment {
                number: *number,
                bytes: bytes.clone(),
            })
    }

    /// The row of a group, which is `row` if there was none.
    pub fn create_group(&mut self, group: &GroupKey, row: &GroupRow) -> GroupRow {
        let stands = self.groups.entry(group.clone()).or_insert_with(|| row.clone());
        stands.clone()
    }

    /// Counts an attempt at a message.
    pub fn begin_attempt(&mut self, group: &GroupKey, message_id: &str) -> u32 {
        let attempts = self.attempts.entry((group.clone(), message_id.to_owned()));
        let attempts = attempts.or_default();
        *attempts += 1;
        *attempts
    }

    /// Forgets the attempts at a message.
    pub fn end_attempt(&mut self, group: &GroupKey, message_id: &str) {
        self.attempts.remove(&(group.clone(), message_id.to_owned()));
    }

    /// Puts a plan, unless a newer one stands.
    pub fn put_plan(&mut self, group: &GroupKey, version: u64, bytes: &[u8]) {
        put_versioned(&mut self.plans, group, version, bytes);
    }

    /// Puts a latest row, unless a newer one stands; whether it was put.
    pub fn put_latest(&mut self, group: &GroupKey, segment: u64, bytes: &[u8]) -> bool {
        put_versioned(&mut self.latest, group, segment, bytes)
    }

    /// Views of groups, as all of them are now.
    pub fn views(&self, groups: &[GroupKey]) -> Vec<Option<GroupView>> {
        let view = |group: &GroupKey| {
            Some(GroupView {
                row: self.groups.get(group)?.clone(),
                plan: self.plans.get(group).cloned(),
                latest: self.latest.get(group).cloned(),
            })
        };
        groups.iter().map(view).collect()
    }

    /// Puts a page; whether none stood there with other content.
    pub fn put_page(&mut self, group: &GroupKey, segment: u64, page: u32, bytes: &[u8]) -> bool {
        let before = self.pages.insert((group.clone(), segment, page), bytes.to_vec());
        before.is_none_or(|before| before == bytes)
    }

    /// Pages, in the order asked for.
    pub fn pages(&self, group: &GroupKey, pages: &[(u64, u32)]) -> Vec<Option<Vec<u8>>> {
        let page = |(segment, page): &(u64, u32)| self.pages.get(&(group.clone(), *segment, *page)).cloned();
        pages.iter().map(page).collect()
    }

    /// Puts a manifest.
    pub fn put_manifest(&mut self, group: &GroupKey, segment: u64, bytes: &[u8]) {
        self.manifests.insert((group.clone(), segment), bytes.to_vec());
    }

    /// The newest manifests at or below a segment, newest first.
    pub fn manifests(&self, group: &GroupKey, segment_max: u64, limit: usize) -> Vec<StoredCheckpoint> {
        let places = (group.clone(), 0)..=(group.clone(), segment_max);
        let newest = self.manifests.range(places).rev().take(limit);
        newest
            .map(|((_, segment), manifest)| StoredCheckpoint {
                segment: *segment,
                manifest: manifest.clone(),
            })
            .collect()
    }

    /// Deletes a manifest and pages.
    pub fn delete(&mut self, group: &GroupKey, segment: u64, pages: &[(u64, u32)]) {
        self.manifests.remove(&(group.clone(), segment));
        for (segment, page) in pages {
            self.pages.remove(&(group.clone(), *segment, *page));
        }
    }

    /// Puts a block of bars, unless it stands; whether what stands is the same.
    pub fn put_block(
        &mut self,
        group: &GroupKey,
        timeframe: Timeframe,
        first_end: UnixNanos,
        block: u64,
        bytes: &[u8],
    ) -> bool {
        let blocks = self.bars.entry((group.clone(), timeframe)).or_default();
        let stands = blocks.entry((first_end, block)).or_insert_with(|| bytes.to_vec());
        stands == bytes
    }

    /// Blocks of a range: names and bytes.
    pub fn blocks(
        &self,
        group: &GroupKey,
        range: BlockRange,
    ) -> impl Iterator<Item = (&(UnixNanos, u64), &Vec<u8>)> {
        let all = self
            .bars
            .get(&(group.clone(), range.timeframe))
            .into_iter()
            .flatten();
        let mut wanted: Vec<_> = all
            .filter(|((end, _), _)| range.from <= *end && *end < range.to)
            .collect();
        if range.newest_first {
            wanted.reverse();
        }
        wanted.into_iter().take(range.limit)
    }
}

impl Tables {
    /// Deletes blocks of bars.
    pub fn delete_blocks(&mut self, group: &GroupKey, timeframe: Timeframe, names: &[(UnixNanos, u64)]) {
        if let Some(blocks) = self.bars.get_mut(&(group.clone(), timeframe)) {
            blocks.retain(|name, _| !names.contains(name));
        }
    }

    /// Puts a page of bars if what stands has revision `was`.
    pub fn put_bar_page(&mut self, of: PagesOf<'_>, start: UnixNanos, was: u64, bytes: &[u8]) -> bool {
        let pages = self.bar_pages.entry(pages_key(of)).or_default();
        let stands = pages.get(&start).map_or(0, |(revision, _)| *revision);
        if stands == was {
            pages.insert(start, (was + 1, bytes.to_vec()));
        }
        stands == was
    }

    /// Pages of bars of a range.
    pub fn bar_pages(&self, of: PagesOf<'_>, range: PageRange) -> Vec<StoredPage> {
        let all = self.bar_pages.get(&pages_key(of)).into_iter().flatten();
        let mut wanted: Vec<StoredPage> = all
            .filter(|(start, _)| range.from <= **start && **start < range.to)
            .map(|(start, (revision, bytes))| StoredPage {
                start: *start,
                revision: *revision,
                bytes: bytes.clone(),
            })
            .collect();
        if range.newest_first {
            wanted.reverse();
        }
        wanted.truncate(range.limit);
        wanted
    }
}

fn pages_key(of: PagesOf<'_>) -> PagesKey {
    (of.group.clone(), of.timeframe, of.instrument.cloned())
}

fn put_versioned(rows: &mut Versioned, group: &GroupKey, version: u64, bytes: &[u8]) -> bool {
    let newer = rows.get(group).is_none_or(|(stands, _)| version >= *stands);
    if newer {
        rows.insert(group.clone(), (version, bytes.to_vec()));
    }
    newer
}

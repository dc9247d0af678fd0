//! Stored bars.

use async_trait::async_trait;
use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_streams::GroupKey;

use super::PortResult;

/// Blocks of bars to be read: those of which the first bar ends in `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// Timeframe of the bars.
    pub timeframe: Timeframe,
    /// No bar that ends before.
    pub from: UnixNanos,
    /// No bar that ends then or later.
    pub to: UnixNanos,
    /// Descending in time.
    pub newest_first: bool,
    /// At most so many blocks.
    pub limit: usize,
}

impl BlockRange {
    /// The first blocks from a time on, ascending.
    pub fn since(timeframe: Timeframe, from: UnixNanos, limit: usize) -> Self {
        Self {
            timeframe,
            from,
            to: UnixNanos(i64::MAX),
            newest_first: false,
            limit,
        }
    }

    /// The last blocks before a time, descending.
    pub fn before(timeframe: Timeframe, to: UnixNanos, limit: usize) -> Self {
        Self {
            timeframe,
            from: UnixNanos(i64::MIN),
            to,
            newest_first: true,
            limit,
        }
    }

    /// Of these, the blocks before a time.
    pub fn until(self, to: UnixNanos) -> Self {
        Self { to, ..self }
    }
}

/// A block as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its name: when the first bar ends, and its number.
    pub name: (UnixNanos, u64),
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Pages of bars, by name: those of one instrument, or the names of the blocks that were
/// compacted into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagesOf<'a> {
    /// Whose.
    pub group: &'a GroupKey,
    /// Timeframe of the bars.
    pub timeframe: Timeframe,
    /// Of which instrument; none: the names of blocks.
    pub instrument: Option<&'a InstrumentKey>,
}

/// Pages to be read: those that begin in `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// None that begins before.
    pub from: UnixNanos,
    /// None that begins then or later.
    pub to: UnixNanos,
    /// Descending in time.
    pub newest_first: bool,
    /// At most so many.
    pub limit: usize,
}

/// A page as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPage {
    /// When the time begins that it is of.
    pub start: UnixNanos,
    /// Raised by every writing, from 1.
    pub revision: u64,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Stored bars. Those that were closed lately are in blocks of the group, one or more a
/// segment that closed bars of that timeframe; those of before are in pages of each
/// instrument. Who reads both reads the blocks first: a bar goes into its page before its
/// block is deleted.
#[async_trait]
pub trait Bars: Send + Sync {
    /// Puts a block; the same block again is the same row. `block` is unique
    /// within the group, and the same each time: made of the segment and of the block's
    /// place in it.
    async fn put_block(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        first_end: UnixNanos,
        block: u64,
        bytes: &[u8],
    ) -> PortResult<()>;
    /// Blocks of a range.
    async fn blocks(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<StoredBlock>>;
    /// The names of the same blocks.
    async fn block_names(&self, group: &GroupKey, range: BlockRange) -> PortResult<Vec<(UnixNanos, u64)>>;
    /// Deletes blocks by name.
    async fn delete_blocks(
        &self,
        group: &GroupKey,
        timeframe: Timeframe,
        names: &[(UnixNanos, u64)],
    ) -> PortResult<()>;
    /// Puts a page if the one that stands has revision `was` (0: if there is none).
    async fn put_bar_page(
        &self,
        of: PagesOf<'_>,
        start: UnixNanos,
        was: u64,
        bytes: &[u8],
    ) -> PortResult<bool>;
    /// Pages of a range. Strongly consistent.
    async fn bar_pages(&self, of: PagesOf<'_>, range: PageRange) -> PortResult<Vec<StoredPage>>;
}

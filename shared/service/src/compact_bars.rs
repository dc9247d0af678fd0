//! The blocks of days that are over, put into a page an instrument.
//!
//! Pages first, then the names of the blocks, and only then are the blocks deleted: whoever
//! reads the blocks before the pages sees every bar at each moment, and a compaction that was
//! cut short is done again by the next. What stands in a page of a bar that the log closed is
//! that bar, as it was last corrected.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use tickwire_market::{Bar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_streams::GroupKey;
use tickwire_wire::{BarBlock, BlockNames, Shape, decode, encode};

use crate::backfill::{Merged, read_page};
use crate::ports::{Bars, BlockRange, PagesOf, PortError, PortResult};
use crate::stored_bars::{next, page_start};

/// Blocks compacted together.
const BLOCKS_PER_ROUND: usize = 512;
/// Rounds of a run, of each timeframe; what is left is for the next.
const ROUNDS_MAX: usize = 8;
/// Pages written at a time.
const PAGES_AT_A_TIME: usize = 16;
/// How often a page that another writer changed is tried again.
const TRIES_MAX: u32 = 8;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compacted {
    pub(crate) blocks: usize,
    pub(crate) pages: usize,
}

/// Compacts the blocks of the days of UTC before that of the group's newest block, or of `now`.
pub(crate) async fn compact(
    bars: &dyn Bars,
    group: &GroupKey,
    now: Option<UnixNanos>,
) -> PortResult<Compacted> {
    let mut done = Compacted::default();
    for base in [Timeframe::MINUTE, Timeframe::DAY] {
        let newest = BlockRange::before(base, UnixNanos(i64::MAX), 1);
        let Some((newest, _)) = bars.block_names(group, newest).await?.pop() else {
            continue;
        };
        let over = page_start(Timeframe::MINUTE, now.map_or(newest, |now| now.max(newest)));
        for _ in 0..ROUNDS_MAX {
            let range = BlockRange::since(base, UnixNanos(i64::MIN), BLOCKS_PER_ROUND).until(next(over));
            let (blocks, pages) = round(bars, group, base, range).await?;
            done.blocks += blocks;
            done.pages += pages;
            if blocks < BLOCKS_PER_ROUND {
                break;
            }
        }
    }
    Ok(done)
}

/// Compacts some blocks; gives how many, and how many pages have changed.
async fn round(
    bars: &dyn Bars,
    group: &GroupKey,
    base: Timeframe,
    range: BlockRange,
) -> PortResult<(usize, usize)> {
    let mut closed: BTreeMap<(InstrumentKey, UnixNanos), Vec<Bar>> = BTreeMap::new();
    let mut names: BTreeMap<UnixNanos, Vec<(UnixNanos, u64)>> = BTreeMap::new();
    let mut gone = Vec::new();
    for block in bars.blocks(group, range).await? {
        // A damaged block stays where it is, and is seen by who reads it.
        let content: BarBlock = match decode(&block.bytes) {
            Ok(content) => content,
            Err(error) => {
                tracing::warn!(%group, timeframe = %base, %error, "a block of bars cannot be compacted");
                continue;
            }
        };
        for (instrument, bar) in content.bars {
            let page = (instrument, page_start(base, bar.end));
            closed.entry(page).or_default().push(bar);
        }
        let page = page_start(base, block.name.0);
        names.entry(page).or_default().push(block.name);
        gone.push(block.name);
    }
    let mut pages = 0;
    let closed: Vec<_> = closed.into_iter().collect();
    for some in closed.chunks(PAGES_AT_A_TIME) {
        let put = some.iter().map(|((instrument, start), closed)| {
            let of = PagesOf {
                group,
                timeframe: base,
                instrument: Some(instrument),
            };
            put_closed(bars, of, *start, closed)
        });
        let changed = try_join_all(put).await?;
        pages += changed.into_iter().filter(|changed| *changed).count();
    }
    for (start, names) in &names {
        put_names(bars, group, base, *start, names).await?;
    }
    bars.delete_blocks(group, base, &gone).await?;
    Ok((gone.len(), pages))
}

/// Puts closed bars into a page; whether that changed it.
async fn put_closed(bars: &dyn Bars, of: PagesOf<'_>, start: UnixNanos, closed: &[Bar]) -> PortResult<bool> {
    for _ in 0..TRIES_MAX {
        let (revision, page) = read_page(bars, of, start).await?;
        let mut merged = Merged::of(&page, &[]);
        let changes = closed.iter().filter(|bar| merged.close(bar)).count();
        if changes == 0 {
            return Ok(false);
        }
        if bars
            .put_bar_page(of, start, revision, &encoded(&merged.page())?)
            .await?
        {
            return Ok(true);
        }
    }
    Err(contended())
}

/// Puts the names of blocks beside those of the same time.
async fn put_names(
    bars: &dyn Bars,
    group: &GroupKey,
    timeframe: Timeframe,
    start: UnixNanos,
    names: &[(UnixNanos, u64)],
) -> PortResult<()> {
    let of = PagesOf {
        group,
        timeframe,
        instrument: None,
    };
    for _ in 0..TRIES_MAX {
        let (revision, mut page): (u64, BlockNames) = read_page(bars, of, start).await?;
        let before = page.names.len();
        page.names.extend(names);
        page.names.sort_unstable();
        page.names.dedup();
        if page.names.len() == before || bars.put_bar_page(of, start, revision, &encoded(&page)?).await? {
            return Ok(());
        }
    }
    Err(contended())
}

fn encoded<T: serde::Serialize + Shape>(page: &T) -> PortResult<Vec<u8>> {
    encode(page).map_err(|error| PortError::Refused {
        what: "page of bars",
        why: error.to_string(),
    })
}

fn contended() -> PortError {
    PortError::Unavailable {
        what: "page of bars",
        why: "others write it each time".to_owned(),
    }
}

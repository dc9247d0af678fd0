//! Stored bars, read stretch by stretch: those closed lately from the group's blocks, those
//! of before, and of history, from the instruments' pages.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use tickwire_market::{Bar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_streams::GroupKey;
use tickwire_wire::{BarBlock, BarOrigin, BarPage, BlockNames, decode};

use crate::plans::unreadable;
use crate::ports::{Bars, BlockRange, PageRange, PagesOf, PortResult, StoredBlock};

/// Blocks in one read.
const BLOCKS_PER_READ: usize = 500;
/// Pages of an instrument in one read.
const PAGES_PER_READ_MAX: usize = 32;
/// Bars that a page has, about: so many pages are read as hold what is wanted.
const BARS_PER_PAGE: usize = 250;
/// Pages of names among which one is looked for: that of the time, and the next that is there.
const NAME_PAGES_PER_READ: usize = 2;
const DAY_NANOS: i64 = 24 * 60 * UnixNanos::PER_MINUTE;

/// When the time begins that the page of a bar is of: a day of minutes, a year of days, of
/// UTC. A bar is in the page that its last nanosecond is in.
pub(crate) fn page_start(base: Timeframe, end: UnixNanos) -> UnixNanos {
    let last = end.saturating_add(-1);
    let midnight = UnixNanos(last.0.div_euclid(DAY_NANOS).saturating_mul(DAY_NANOS));
    if base != Timeframe::DAY {
        return midnight;
    }
    let day = jiff::Timestamp::from(midnight)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let into_the_year = i64::from(day.day_of_year()) - 1;
    midnight.saturating_add(-into_the_year.saturating_mul(DAY_NANOS))
}

/// When the page after that of `start` begins.
pub(crate) fn page_after(base: Timeframe, start: UnixNanos) -> UnixNanos {
    let days = if base == Timeframe::DAY { 366 } else { 1 };
    page_start(base, next(start.saturating_add(days * DAY_NANOS)))
}

/// Pages in one read.
fn pages_limit(wanted: usize) -> usize {
    (wanted / BARS_PER_PAGE + 2).min(PAGES_PER_READ_MAX)
}

pub(crate) fn next(time: UnixNanos) -> UnixNanos {
    time.saturating_add(1)
}

/// Of bars that end at one time the one with the most stands: the log's before others, and of
/// those the last corrected, which holds more ticks than it did before.
pub(crate) fn standing(bar: &Bar, origin: BarOrigin) -> (bool, u32) {
    (origin == BarOrigin::Log, bar.ticks)
}

/// Stored bars of one instrument.
struct Found<'a> {
    instrument: &'a InstrumentKey,
    /// Each with who told it.
    bars: Vec<(Bar, BarOrigin)>,
}

/// Reads stored bars of some instruments of a group.
pub(crate) struct StoredBars<'a> {
    bars: &'a dyn Bars,
    group: &'a GroupKey,
    base: Timeframe,
    found: Vec<Found<'a>>,
    /// Leaves out what cannot be read, rather than to fail.
    leave_out_damaged: bool,
    pages_only: bool,
    /// Rows read.
    pub(crate) rows: usize,
    /// The latest end of a bar that was read, of any instrument: what ended by then is closed.
    pub(crate) closed_until: Option<UnixNanos>,
}

impl<'a> StoredBars<'a> {
    /// Of the stored timeframe `base`.
    pub(crate) fn new(
        bars: &'a dyn Bars,
        group: &'a GroupKey,
        base: Timeframe,
        instruments: impl IntoIterator<Item = &'a InstrumentKey>,
    ) -> Self {
        let found = |instrument| Found {
            instrument,
            bars: Vec::new(),
        };
        Self {
            bars,
            group,
            base,
            found: instruments.into_iter().map(found).collect(),
            leave_out_damaged: false,
            pages_only: false,
            rows: 0,
            closed_until: None,
        }
    }

    /// Damage becomes a hole in the history, and not a failure.
    pub(crate) fn leaving_out_damaged(mut self) -> Self {
        self.leave_out_damaged = true;
        self
    }

    /// Reads no blocks, of instruments that are in none.
    pub(crate) fn of_pages_only(mut self) -> Self {
        self.pages_only = true;
        self
    }

    /// What blocks have of the bars of all instruments that end in `[from, to]`.
    pub(crate) async fn all_of_blocks(
        bars: &dyn Bars,
        group: &GroupKey,
        base: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
    ) -> PortResult<FxHashMap<InstrumentKey, Vec<Bar>>> {
        let mut found: FxHashMap<InstrumentKey, Vec<Bar>> = FxHashMap::default();
        // The block that begins last before it may reach into it.
        let mut blocks = bars.blocks(group, BlockRange::before(base, from, 1)).await?;
        let mut from_here = from;
        loop {
            let range = BlockRange::since(base, from_here, BLOCKS_PER_READ).until(next(to));
            let more = bars.blocks(group, range).await?;
            let all = more.len() < BLOCKS_PER_READ;
            blocks.extend(more);
            let mut last = from_here;
            for block in blocks.drain(..) {
                let block: BarBlock = decode(&block.bytes).map_err(|error| unreadable("bars", &error))?;
                last = block.bars.first().map_or(last, |(_, bar)| bar.end.max(last));
                let within = |(_, bar): &(InstrumentKey, Bar)| bar.end >= from && bar.end <= to;
                for (instrument, bar) in block.bars.into_iter().filter(within) {
                    found.entry(instrument).or_default().push(bar);
                }
            }
            if all {
                return Ok(found);
            }
            // Several blocks may begin alike.
            from_here = if last > from_here { last } else { next(from_here) };
        }
    }

    /// What was read of the `nth` instrument, ascending, one bar an end.
    pub(crate) fn of(&mut self, nth: usize) -> Vec<Bar> {
        let Some(found) = self.found.get_mut(nth) else {
            return Vec::new();
        };
        found
            .bars
            .sort_by_key(|(bar, origin)| (bar.end, Reverse(standing(bar, *origin))));
        found.bars.dedup_by_key(|(bar, _)| bar.end);
        found.bars.iter().map(|(bar, _)| *bar).collect()
    }

    /// Reads the newest of what ends before `to`, about `wanted` bars. Gives a time behind which
    /// all was read, and which is the next `to`; none if there is nothing before.
    pub(crate) async fn before(&mut self, to: UnixNanos, wanted: usize) -> PortResult<Option<UnixNanos>> {
        let range = BlockRange::before(self.base, to, BLOCKS_PER_READ);
        let blocks = match self.pages_only {
            true => Vec::new(),
            false => self.bars.blocks(self.group, range).await?,
        };
        let all_blocks = blocks.len() < BLOCKS_PER_READ;
        let first = self.take_blocks(blocks)?;
        // Several blocks may begin alike, so that time is read once more.
        let mut reached = first
            .filter(|_| !all_blocks)
            .map(|first| next(first).min(to.saturating_add(-1)));
        let from = reached.map_or(UnixNanos(i64::MIN), |time| page_start(self.base, time));
        let limit = pages_limit(wanted);
        for nth in 0..self.found.len() {
            let range = PageRange {
                from,
                to,
                newest_first: true,
                limit,
            };
            let (pages, oldest) = self.read_pages(nth, range).await?;
            if pages == limit {
                reached = reached.max(oldest);
            }
        }
        Ok(reached)
    }

    /// Reads the oldest of what ends in `[from, to)`, about `wanted` bars. Gives a time before
    /// which all was read, and which is the next `from`; none if that was all.
    pub(crate) async fn since(
        &mut self,
        from: UnixNanos,
        to: UnixNanos,
        wanted: usize,
    ) -> PortResult<Option<UnixNanos>> {
        let range = BlockRange::since(self.base, from, BLOCKS_PER_READ).until(to);
        let blocks = self.bars.blocks(self.group, range).await?;
        let all_blocks = blocks.len() < BLOCKS_PER_READ;
        let last = self.take_blocks(blocks)?;
        let mut reached = last
            .filter(|_| !all_blocks)
            .map(|last| if last > from { last } else { next(from) });
        let limit = pages_limit(wanted);
        for nth in 0..self.found.len() {
            let range = PageRange {
                from: page_start(self.base, from),
                to: reached.unwrap_or(to),
                newest_first: false,
                limit,
            };
            let (pages, last) = self.read_pages(nth, range).await?;
            if pages == limit
                && let Some(last) = last
            {
                let after = next(page_after(self.base, last));
                reached = Some(reached.map_or(after, |reached| reached.min(after)));
            }
        }
        Ok(reached)
    }

    /// Reads the block that begins last before `time`, which may reach beyond it.
    pub(crate) async fn reaching_into(&mut self, time: UnixNanos) -> PortResult<()> {
        let range = BlockRange::before(self.base, time, 1);
        let blocks = self.bars.blocks(self.group, range).await?;
        self.take_blocks(blocks).map(|_| ())
    }

    /// Finds out what is closed of the time until `to`: all if something closed behind it.
    pub(crate) async fn see_what_is_closed(&mut self, to: UnixNanos) -> PortResult<()> {
        let (bars, group, base) = (self.bars, self.group, self.base);
        let later = first_name_since(bars, group, base, next(to)).await?;
        let closed = match later {
            Some(_) => Some(to),
            None => last_name_before(bars, group, base, next(to))
                .await?
                .map(|(end, _)| end),
        };
        self.closed_until = self.closed_until.max(closed);
        Ok(())
    }

    fn pages_of(&self, instrument: Option<&'a InstrumentKey>) -> PagesOf<'a> {
        PagesOf {
            group: self.group,
            timeframe: self.base,
            instrument,
        }
    }

    /// Takes blocks; gives when the first bar of the last of them ends.
    fn take_blocks(&mut self, blocks: Vec<StoredBlock>) -> PortResult<Option<UnixNanos>> {
        let mut first_end = None;
        self.rows += blocks.len();
        for block in blocks {
            let block: BarBlock = match decode(&block.bytes) {
                Ok(block) => block,
                Err(error) if self.leave_out_damaged => {
                    tracing::warn!(group = %self.group, timeframe = %self.base, %error, "a block of bars was left out");
                    continue;
                }
                Err(error) => return Err(unreadable("bars", &error)),
            };
            first_end = block.bars.first().map(|(_, bar)| bar.end).or(first_end);
            for (of, bar) in block.bars {
                self.closed_until = self.closed_until.max(Some(bar.end));
                if let Some(found) = self.found.iter_mut().find(|found| *found.instrument == of) {
                    found.bars.push((bar, BarOrigin::Log));
                }
            }
        }
        Ok(first_end)
    }

    /// Reads pages of an instrument; gives how many there were, and when the last of them begins.
    async fn read_pages(&mut self, nth: usize, range: PageRange) -> PortResult<(usize, Option<UnixNanos>)> {
        let instrument = self.found[nth].instrument;
        let pages = self
            .bars
            .bar_pages(self.pages_of(Some(instrument)), range)
            .await?;
        let (count, last) = (pages.len(), pages.last().map(|page| page.start));
        self.rows += count;
        for page in pages {
            let page: BarPage = match decode(&page.bytes) {
                Ok(page) => page,
                Err(error) if self.leave_out_damaged => {
                    tracing::warn!(group = %self.group, timeframe = %self.base, %instrument, %error, "a page of bars was left out");
                    continue;
                }
                Err(error) => return Err(unreadable("page of bars", &error)),
            };
            let last_end = page.bars.last().map(|(bar, _)| bar.end);
            self.closed_until = self.closed_until.max(last_end);
            self.found[nth].bars.extend(page.bars);
        }
        Ok((count, last))
    }
}

/// The name of the first block of bars that end at `time` or later, compacted ones included.
pub(crate) async fn first_name_since(
    bars: &dyn Bars,
    group: &GroupKey,
    base: Timeframe,
    time: UnixNanos,
) -> PortResult<Option<(UnixNanos, u64)>> {
    let names = bars.block_names(group, BlockRange::since(base, time, 1)).await?;
    let range = PageRange {
        from: page_start(base, time),
        to: UnixNanos(i64::MAX),
        newest_first: false,
        limit: NAME_PAGES_PER_READ,
    };
    let compacted = names_of(bars, group, base, range).await?;
    let since = compacted.into_iter().filter(|(end, _)| *end >= time);
    Ok(since.chain(names).min())
}

/// The name of the last block of bars of which the first ended before `time`, compacted ones
/// included.
pub(crate) async fn last_name_before(
    bars: &dyn Bars,
    group: &GroupKey,
    base: Timeframe,
    time: UnixNanos,
) -> PortResult<Option<(UnixNanos, u64)>> {
    let names = bars.block_names(group, BlockRange::before(base, time, 1)).await?;
    let range = PageRange {
        from: UnixNanos(i64::MIN),
        to: time,
        newest_first: true,
        limit: NAME_PAGES_PER_READ,
    };
    let compacted = names_of(bars, group, base, range).await?;
    let before = compacted.into_iter().filter(|(end, _)| *end < time);
    Ok(before.chain(names).max())
}

async fn names_of(
    bars: &dyn Bars,
    group: &GroupKey,
    timeframe: Timeframe,
    range: PageRange,
) -> PortResult<Vec<(UnixNanos, u64)>> {
    let of = PagesOf {
        group,
        timeframe,
        instrument: None,
    };
    let mut names = Vec::new();
    for page in bars.bar_pages(of, range).await? {
        let page: BlockNames = decode(&page.bytes).map_err(|error| unreadable("names of blocks", &error))?;
        names.extend(page.names);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_in_the_page_of_its_last_nanosecond() {
        let at = |text: &str| UnixNanos::try_from(text.parse::<jiff::Timestamp>().unwrap()).unwrap();
        let check = |base, end: &str, expected: &str, after: &str| {
            let start = page_start(base, at(end));
            assert_eq!(start, at(expected), "{end}");
            assert_eq!(page_after(base, start), at(after), "{end}");
        };
        let minute = Timeframe::MINUTE;
        let (first, second, third) = (
            "2026-11-18T00:00:00Z",
            "2026-11-19T00:00:00Z",
            "2026-11-20T00:00:00Z",
        );
        check(minute, "2026-11-18T00:01:00Z", first, second);
        check(minute, second, first, second);
        check(minute, "2026-11-19T00:00:00.000000001Z", second, third);
        check(
            minute,
            "1969-12-31T23:59:00Z",
            "1969-12-31T00:00:00Z",
            "1970-01-01T00:00:00Z",
        );
        let day = Timeframe::DAY;
        check(
            day,
            "2026-11-18T21:00:00Z",
            "2026-01-01T00:00:00Z",
            "2027-01-01T00:00:00Z",
        );
        check(
            day,
            "2024-12-31T21:00:00Z",
            "2024-01-01T00:00:00Z",
            "2025-01-01T00:00:00Z",
        );
        check(
            day,
            "2025-01-01T00:00:00Z",
            "2024-01-01T00:00:00Z",
            "2025-01-01T00:00:00Z",
        );
        check(
            day,
            "1969-03-01T00:00:00Z",
            "1969-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
        );
    }
}

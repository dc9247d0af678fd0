//! What must hold of stored bars: from the moment at which a bar that the log closed is in a
//! block, it is in a block or in its page, as it was closed; and whoever reads them while that
//! changes finds each that was there when he began, once.

use std::collections::{BTreeMap, BTreeSet};

use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_service::ports::PagesOf;
use tickwire_service::testing::Tables;
use tickwire_signals::ClosedBar;
use tickwire_streams::GroupKey;
use tickwire_wire::{BarBlock, BarPage, BarRow, BlockNames, Shape, decode};

use crate::truth::{Broken, Promise};

/// The bars of one instrument and timeframe.
pub(crate) type Series = (GroupKey, Timeframe, InstrumentKey);
type BlockName = (UnixNanos, u64);

/// A bar that the log closed, as often as it did: the last time stands.
#[derive(Debug, Default)]
struct Closed(Vec<Version>);

#[derive(Debug)]
struct Version {
    bar: BarRow,
    /// It was in a block.
    stored: bool,
}

impl Closed {
    fn version(&self, bar: &BarRow) -> Option<usize> {
        self.0.iter().rposition(|version| version.bar == *bar)
    }
}

/// All bars that the logs closed, as they must be stored.
#[derive(Default)]
pub(crate) struct BarsTruth {
    series: BTreeMap<Series, BTreeMap<UnixNanos, Closed>>,
    /// How many of each group's last segment are in no block yet.
    unstored: BTreeMap<GroupKey, usize>,
}

fn broken<T>(group: &GroupKey, what: impl std::fmt::Display) -> Result<T, Broken> {
    Err((Promise::History, format!("{group}: {what}")))
}

fn read<T: Shape + serde::de::DeserializeOwned>(group: &GroupKey, bytes: &[u8]) -> Result<T, Broken> {
    decode(bytes).or_else(|error| broken(group, error))
}

/// A page's bars by their end.
fn bars_of(group: &GroupKey, bytes: &[u8]) -> Result<BTreeMap<UnixNanos, BarRow>, Broken> {
    let page: BarPage = read(group, bytes)?;
    let bars = page.bars.into_iter().map(|(bar, _)| (bar.end, bar.into()));
    Ok(bars.collect())
}

impl BarsTruth {
    /// A segment was committed, and closed bars. Those of before are stored.
    pub(crate) fn on_commit(&mut self, group: &GroupKey, closed: Vec<ClosedBar>) -> Result<(), Broken> {
        let unstored = self.unstored.entry(group.clone()).or_default();
        if *unstored > 0 {
            let what = format!("{unstored} bars are in no block when the next segment is committed");
            return broken(group, what);
        }
        *unstored += closed.len();
        for ClosedBar {
            instrument,
            timeframe,
            bar,
        } in closed
        {
            let series = self.series.entry((group.clone(), timeframe, instrument));
            let closed = series.or_default().entry(bar.end).or_default();
            closed.0.push(Version {
                bar: bar.into(),
                stored: false,
            });
        }
        Ok(())
    }

    /// A block is put.
    pub(crate) fn on_block(
        &mut self,
        group: &GroupKey,
        timeframe: Timeframe,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        let block: BarBlock = read(group, bytes)?;
        for (instrument, bar) in block.bars {
            let series = (group.clone(), timeframe, instrument);
            let version = self.version(&series, &bar.into())?;
            let closed = self
                .series
                .get_mut(&series)
                .and_then(|series| series.get_mut(&bar.end));
            let version = closed.and_then(|closed| closed.0.get_mut(version));
            if version.is_some_and(|version| !std::mem::replace(&mut version.stored, true))
                && let Some(unstored) = self.unstored.get_mut(group)
            {
                *unstored -= 1;
            }
        }
        Ok(())
    }

    /// A page is put in place of `before`.
    pub(crate) fn on_page(&self, of: PagesOf<'_>, before: Option<&[u8]>, bytes: &[u8]) -> Result<(), Broken> {
        let group = of.group;
        let Some(instrument) = of.instrument else {
            let names = |bytes| read::<BlockNames>(group, bytes).map(|page| page.names);
            let (before, now) = (before.map(names).transpose()?.unwrap_or_default(), names(bytes)?);
            return match before.iter().find(|name| !now.contains(name)) {
                Some(name) => broken(group, format!("the name {name:?} is lost from its page")),
                None => Ok(()),
            };
        };
        let series = (group.clone(), of.timeframe, instrument.clone());
        let bars = |bytes| bars_of(group, bytes);
        let (before, now) = (before.map(bars).transpose()?.unwrap_or_default(), bars(bytes)?);
        now.values()
            .try_for_each(|bar| self.version(&series, bar).map(|_| ()))?;
        before
            .values()
            .try_for_each(|bar| self.has(&series, now.get(&bar.end), bar, "the page that was put"))
    }

    /// Blocks are about to be deleted: all that they hold is in pages.
    pub(crate) fn on_deletion(
        &self,
        tables: &Tables,
        group: &GroupKey,
        timeframe: Timeframe,
        names: &[BlockName],
    ) -> Result<(), Broken> {
        let Some(blocks) = tables.bars.get(&(group.clone(), timeframe)) else {
            return Ok(());
        };
        let pages = |instrument| {
            let pages = tables.bar_pages.get(&(group.clone(), timeframe, instrument));
            pages
                .into_iter()
                .flat_map(BTreeMap::values)
                .map(|(_, bytes)| bytes)
        };
        let mut named = BTreeSet::new();
        for bytes in pages(None) {
            named.extend(read::<BlockNames>(group, bytes)?.names);
        }
        let mut paged: BTreeMap<InstrumentKey, BTreeMap<UnixNanos, BarRow>> = BTreeMap::new();
        for name in names {
            // Whoever does it again finds some that are gone.
            let Some(bytes) = blocks.get(name) else { continue };
            if !named.contains(name) {
                return broken(
                    group,
                    format!("block {name:?} is deleted, and its name is in no page"),
                );
            }
            let block: BarBlock = read(group, bytes)?;
            for (instrument, bar) in block.bars {
                if !paged.contains_key(&instrument) {
                    let mut bars = BTreeMap::new();
                    for bytes in pages(Some(instrument.clone())) {
                        bars.extend(bars_of(group, bytes)?);
                    }
                    paged.insert(instrument.clone(), bars);
                }
                let bars = paged.get(&instrument);
                let found = bars.and_then(|bars| bars.get(&bar.end));
                let series = (group.clone(), timeframe, instrument);
                self.has(&series, found, &bar.into(), "a page when its block is deleted")?;
            }
        }
        Ok(())
    }

    /// The bars that end in `(from, to]`, as they were last stored.
    pub(crate) fn stored(&self, series: &Series, from: UnixNanos, to: UnixNanos) -> Vec<BarRow> {
        let closed = self.series.get(series).into_iter().flat_map(BTreeMap::values);
        let stored = closed.filter_map(|closed| closed.0.iter().rfind(|version| version.stored));
        let bars = stored.map(|version| version.bar.clone());
        bars.filter(|bar| bar.end > from && bar.end <= to).collect()
    }

    /// What history told of a series, of which `due` were stored when it was asked.
    pub(crate) fn on_history(
        &self,
        series: &Series,
        due: &[BarRow],
        mut told: Vec<BarRow>,
    ) -> Result<(), Broken> {
        told.sort_by_key(|bar| bar.end);
        if let Some(pair) = told.windows(2).find(|pair| pair[0].end == pair[1].end) {
            return broken(&series.0, format!("history tells {:?} twice", pair[0]));
        }
        told.iter()
            .try_for_each(|bar| self.version(series, bar).map(|_| ()))?;
        due.iter().try_for_each(|bar| {
            let found = told.binary_search_by_key(&bar.end, |bar| bar.end).ok();
            self.has(series, found.map(|at| &told[at]), bar, "what history tells")
        })
    }

    /// Which of the times that the log closed a bar gave it.
    fn version(&self, series: &Series, bar: &BarRow) -> Result<usize, Broken> {
        let closed = self.series.get(series).and_then(|closed| closed.get(&bar.end));
        match closed.and_then(|closed| closed.version(bar)) {
            Some(version) => Ok(version),
            None => broken(
                &series.0,
                format!("the log did not close {bar:?} of {}", series.2),
            ),
        }
    }

    /// Whether what was found is a bar that is due, or that as it was closed later.
    fn has(&self, series: &Series, found: Option<&BarRow>, due: &BarRow, place: &str) -> Result<(), Broken> {
        let found = found.map(|found| self.version(series, found)).transpose()?;
        if found >= Some(self.version(series, due)?) {
            return Ok(());
        }
        broken(&series.0, format!("{due:?} of {} is not in {place}", series.2))
    }
}

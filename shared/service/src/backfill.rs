//! History: bars of the past, put beside what the log closed.
//!
//! A bar that the log closed stands. One that is told again is skipped where it is the same,
//! and set aside where it is another; so is one that was stored before. What cannot be a closed
//! bar of the exchange is set aside with its reason, and the rest goes on. All of it may be done
//! again, and at the same time as the log goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tickwire_market::{Bar, Calendar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_signals::{LATENESS_NANOS, base_timeframe};
use tickwire_streams::{GroupKey, Universe};
use tickwire_wire::{BarOrigin, BarPage, BinaryError, GapRow, Shape, decode, encode};

use crate::gaps::GapFinder;
use crate::placement::Placement;
use crate::plans::unreadable;
use crate::ports::{Bars, Clock, PageRange, PagesOf, PortError, PortResult};
use crate::stored_bars::{StoredBars, next, page_after, page_start, standing};

/// How often a page that another writer changed is tried again.
const TRIES_MAX: u32 = 8;
/// Groups and days whose blocks are kept in memory; instruments come in turn.
const DAYS_KEPT_MAX: usize = 64;

/// A bar as a provider tells it, or why its row is none.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvidedBar {
    /// Its place at the provider: the line of a file.
    pub line: u64,
    /// The bar.
    pub bar: Result<(InstrumentKey, Bar), String>,
}

/// Which bars are asked for: those that end in `(from, to]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRange {
    /// Of which length: one that is stored, `1m` or `1d`.
    pub timeframe: Timeframe,
    /// They end after this.
    pub from: UnixNanos,
    /// They end by this.
    pub to: UnixNanos,
}

/// From where bars of the past can be pulled: a file, or whoever sells them.
#[async_trait]
pub trait BarProvider: Send {
    /// The next bars of the range, some at a time, each instrument's in the order of time; empty
    /// when that was all. It may give bars of outside the range, which are not taken.
    async fn pull(&mut self, range: &HistoryRange) -> PortResult<Vec<ProvidedBar>>;
}

/// Why a bar was set aside.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BarSetAside {
    /// The provider's row is no bar.
    #[error("{0}")]
    Row(String),
    /// It is no bar of the exchange's sessions.
    #[error(
        "{timeframe} bars of {calendar} are no such: from {start} to {end} is outside the sessions, or not aligned to them"
    )]
    NotOfSession {
        /// Whose sessions.
        calendar: Calendar,
        /// Of which length.
        timeframe: Timeframe,
        /// Where it begins.
        start: UnixNanos,
        /// Where it ends.
        end: UnixNanos,
    },
    /// The calendar does not know.
    #[error(transparent)]
    Session(#[from] tickwire_market::SessionError),
    /// It may still change.
    #[error("the bar that ends at {0} is not over yet")]
    NotOver(UnixNanos),
    /// Another bar stands in its place.
    #[error("{origin} another bar that ends at {end}, which stands: {stands}")]
    Different {
        /// Who told the one that stands.
        origin: &'static str,
        /// When both end.
        end: UnixNanos,
        /// In what the one that stands differs.
        stands: String,
    },
}

/// What became of an instrument's bars.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InstrumentReport {
    /// Bars now stored that were not before.
    pub stored: u64,
    /// Bars that were stored already, the same.
    pub known: u64,
    /// Bars that differ from what is stored: not taken.
    pub different: u64,
    /// Bars set aside for another reason.
    pub refused: u64,
    /// Where the first bar begins, nanoseconds.
    pub from: Option<UnixNanos>,
    /// Where the last bar ends, nanoseconds.
    pub to: Option<UnixNanos>,
    /// Bars that are stored from neither source between the two, by the exchange's sessions.
    pub missing: u64,
    /// Where they are missing; the first hundred stretches.
    pub gaps: Vec<GapRow>,
}

/// What became of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BackfillReport {
    /// By instrument.
    pub instruments: BTreeMap<InstrumentKey, InstrumentReport>,
    /// Rows of the provider that are no bars of an instrument.
    pub refused_rows: u64,
}

impl BackfillReport {
    /// Rows that were not taken although nothing like them is stored.
    pub fn set_aside(&self) -> u64 {
        let of_instruments = self.instruments.values();
        self.refused_rows + of_instruments.map(|of| of.different + of.refused).sum::<u64>()
    }
}

/// Why it ended early. What was stored until then is stored; it can be done again.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// Only what is stored can be told.
    #[error("bars of {0} are not stored: they are joined from those of 1m and 1d")]
    NotStored(Timeframe),
    /// Store or provider.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Encoding.
    #[error("failed to encode: {0}")]
    Encode(#[from] BinaryError),
    /// Others wrote the same page each time.
    #[error("the page of {instrument} from {start} on is being written by others: do it again")]
    Contended {
        /// Of which instrument.
        instrument: InstrumentKey,
        /// Where it begins.
        start: UnixNanos,
    },
}

/// The use case.
pub struct Backfill {
    bars: Arc<dyn Bars>,
    clock: Arc<dyn Clock>,
    placement: Placement,
    universe: Universe,
}

/// Bars that are about to go into one page.
struct Open {
    group: GroupKey,
    start: UnixNanos,
    /// Each with its line, ascending by end.
    bars: Vec<(u64, Bar)>,
    finder: GapFinder,
}

/// Bars by group, page and instrument that blocks of the log have.
type OfBlocks = FxHashMap<(GroupKey, UnixNanos), FxHashMap<InstrumentKey, Vec<Bar>>>;

/// A backfill at work.
struct Work<'a> {
    of: &'a Backfill,
    range: HistoryRange,
    report: BackfillReport,
    open: BTreeMap<InstrumentKey, Open>,
    of_blocks: OfBlocks,
    set_aside: &'a mut dyn FnMut(u64, &BarSetAside),
}

impl Backfill {
    /// Into the stored bars of a world.
    pub fn new(bars: Arc<dyn Bars>, clock: Arc<dyn Clock>, placement: Placement, universe: Universe) -> Self {
        Self {
            bars,
            clock,
            placement,
            universe,
        }
    }

    /// Pulls a range of bars from `provider` and stores what is new. `set_aside` is told of each
    /// row that is not taken: its line, and why.
    ///
    /// # Errors
    /// When the store or the provider fails.
    pub async fn run(
        &self,
        provider: &mut dyn BarProvider,
        range: HistoryRange,
        set_aside: &mut dyn FnMut(u64, &BarSetAside),
    ) -> Result<BackfillReport, BackfillError> {
        if base_timeframe(range.timeframe) != range.timeframe {
            return Err(BackfillError::NotStored(range.timeframe));
        }
        let mut work = Work {
            of: self,
            range,
            report: BackfillReport::default(),
            open: BTreeMap::new(),
            of_blocks: OfBlocks::default(),
            set_aside,
        };
        loop {
            let provided = provider.pull(&range).await?;
            if provided.is_empty() {
                break;
            }
            for ProvidedBar { line, bar } in provided {
                match bar {
                    Err(why) => {
                        work.report.refused_rows += 1;
                        (work.set_aside)(line, &BarSetAside::Row(why));
                    }
                    Ok((instrument, bar)) => work.take(line, instrument, bar).await?,
                }
            }
        }
        let rest: Vec<InstrumentKey> = work.open.keys().cloned().collect();
        for instrument in rest {
            if let Some(open) = work.flush(&instrument).await? {
                let report = work.report.instruments.entry(instrument).or_default();
                report.missing = open.finder.missing;
                report.gaps = open.finder.gaps;
            }
        }
        Ok(work.report)
    }
}

impl Work<'_> {
    async fn take(&mut self, line: u64, instrument: InstrumentKey, bar: Bar) -> Result<(), BackfillError> {
        if bar.end <= self.range.from || bar.end > self.range.to {
            return Ok(());
        }
        let calendar = match self.judge(&instrument, &bar) {
            Ok(calendar) => calendar,
            Err(why) => {
                self.report.instruments.entry(instrument).or_default().refused += 1;
                (self.set_aside)(line, &why);
                return Ok(());
            }
        };
        let timeframe = self.range.timeframe;
        let start = page_start(timeframe, bar.end);
        let mut finder = None;
        if self.open.get(&instrument).is_some_and(|open| open.start != start) {
            finder = self.flush(&instrument).await?.map(|open| open.finder);
        }
        let universe = &self.of.universe;
        let open = self.open.entry(instrument).or_insert_with_key(|instrument| Open {
            group: self.of.placement.group_of(universe, instrument),
            start,
            bars: Vec::new(),
            finder: finder.unwrap_or_else(|| GapFinder::new(calendar, timeframe, None)),
        });
        open.bars.push((line, bar));
        Ok(())
    }

    /// The calendar of a bar that can have closed.
    fn judge(&self, instrument: &InstrumentKey, bar: &Bar) -> Result<Calendar, BarSetAside> {
        bar.check().map_err(|why| BarSetAside::Row(why.to_string()))?;
        let calendar = Calendar::of(instrument)?;
        let timeframe = self.range.timeframe;
        let session = calendar.session_at(bar.start)?;
        if session.and_then(|session| session.bar(timeframe, bar.start)) != Some((bar.start, bar.end)) {
            return Err(BarSetAside::NotOfSession {
                calendar,
                timeframe,
                start: bar.start,
                end: bar.end,
            });
        }
        if bar.end > self.of.clock.now().saturating_add(-LATENESS_NANOS) {
            return Err(BarSetAside::NotOver(bar.end));
        }
        Ok(calendar)
    }

    /// Puts what is open of an instrument into its page.
    async fn flush(&mut self, instrument: &InstrumentKey) -> Result<Option<Open>, BackfillError> {
        let Some(mut open) = self.open.remove(instrument) else {
            return Ok(None);
        };
        let bars = self.of_blocks(&open, instrument).await?;
        let of = PagesOf {
            group: &open.group,
            timeframe: self.range.timeframe,
            instrument: Some(instrument),
        };
        for _ in 0..TRIES_MAX {
            let (revision, stored) = read_page(&*self.of.bars, of, open.start).await?;
            let mut merged = Merged::of(&stored, &bars);
            let outcomes: Vec<Outcome> = open.bars.iter().map(|(_, bar)| merged.tell(bar)).collect();
            if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Stored)) {
                let bytes = encode(&merged.page())?;
                if !self
                    .of
                    .bars
                    .put_bar_page(of, open.start, revision, &bytes)
                    .await?
                {
                    continue;
                }
            }
            let report = self.report.instruments.entry(instrument.clone()).or_default();
            for ((line, bar), outcome) in open.bars.drain(..).zip(outcomes) {
                report.from = Some(report.from.map_or(bar.start, |from| from.min(bar.start)));
                report.to = report.to.max(Some(bar.end));
                match outcome {
                    Outcome::Stored => report.stored += 1,
                    Outcome::Known => report.known += 1,
                    Outcome::Different(why) => {
                        report.different += 1;
                        (self.set_aside)(line, &why);
                    }
                }
            }
            // From the first bar that was told to the last: what is stored around them is not asked.
            for (bar, _) in merged.bars.values() {
                let told = report.from.is_some_and(|from| bar.start >= from);
                if told && report.to.is_some_and(|to| bar.end <= to) {
                    open.finder.bar(bar.start, bar.end);
                }
            }
            return Ok(Some(open));
        }
        Err(BackfillError::Contended {
            instrument: instrument.clone(),
            start: open.start,
        })
    }

    /// What blocks of the log have of an instrument, of the time of a page.
    async fn of_blocks(&mut self, open: &Open, instrument: &InstrumentKey) -> PortResult<Vec<Bar>> {
        let day = (open.group.clone(), open.start);
        if !self.of_blocks.contains_key(&day) {
            if self.of_blocks.len() >= DAYS_KEPT_MAX {
                self.of_blocks.clear();
            }
            let timeframe = self.range.timeframe;
            let (from, to) = (next(open.start), page_after(timeframe, open.start));
            let bars = StoredBars::all_of_blocks(&*self.of.bars, &open.group, timeframe, from, to).await?;
            self.of_blocks.insert(day.clone(), bars);
        }
        let of_day = self.of_blocks.get(&day);
        Ok(of_day
            .and_then(|bars| bars.get(instrument))
            .cloned()
            .unwrap_or_default())
    }
}

/// The page that begins at `start`, and its revision; an empty one if there is none.
pub(crate) async fn read_page<T: Default + DeserializeOwned + Shape>(
    bars: &dyn Bars,
    of: PagesOf<'_>,
    start: UnixNanos,
) -> PortResult<(u64, T)> {
    let range = PageRange {
        from: start,
        to: next(start),
        newest_first: false,
        limit: 1,
    };
    match bars.bar_pages(of, range).await?.pop() {
        None => Ok((0, T::default())),
        Some(page) => {
            let content = decode(&page.bytes).map_err(|error| unreadable("page of bars", &error))?;
            Ok((page.revision, content))
        }
    }
}

/// Bars of a page by when they end, with what stands told apart from what is new.
pub(crate) struct Merged {
    bars: BTreeMap<UnixNanos, (Bar, BarOrigin)>,
}

enum Outcome {
    Stored,
    Known,
    Different(BarSetAside),
}

impl Merged {
    /// Of a page, and of bars of the log, which stand before all others.
    pub(crate) fn of(page: &BarPage, log: &[Bar]) -> Self {
        let stored = page.bars.iter().map(|(bar, origin)| (bar.end, (*bar, *origin)));
        let mut merged = Self {
            bars: stored.collect(),
        };
        for bar in log {
            merged.close(bar);
        }
        merged
    }

    /// Takes a bar that the log closed or corrected; whether that changes the page.
    pub(crate) fn close(&mut self, bar: &Bar) -> bool {
        let told = standing(bar, BarOrigin::Log);
        let stands = self.bars.get(&bar.end);
        let changes = stands.is_none_or(|(bar, origin)| standing(bar, *origin) < told);
        if changes {
            self.bars.insert(bar.end, (*bar, BarOrigin::Log));
        }
        changes
    }

    /// Takes a bar of history.
    fn tell(&mut self, bar: &Bar) -> Outcome {
        match self.bars.get(&bar.end) {
            None => {
                self.bars.insert(bar.end, (*bar, BarOrigin::History));
                Outcome::Stored
            }
            Some((stands, origin)) => match difference(stands, bar) {
                None => Outcome::Known,
                Some(difference) => Outcome::Different(BarSetAside::Different {
                    origin: match origin {
                        BarOrigin::Log => "the log closed",
                        BarOrigin::History => "history has",
                    },
                    end: bar.end,
                    stands: difference,
                }),
            },
        }
    }

    /// The page of it.
    pub(crate) fn page(&self) -> BarPage {
        BarPage {
            bars: self.bars.values().copied().collect(),
        }
    }
}

/// A field of a bar: its name, and what a bar tells of it.
type Field = (&'static str, fn(&Bar) -> Option<f64>);

/// In what a stored bar differs from one that is told; what either does not tell does not count,
/// nor how many ticks it was made of.
fn difference(stands: &Bar, told: &Bar) -> Option<String> {
    let fields: [Field; 6] = [
        ("open", |bar| Some(bar.open)),
        ("high", |bar| Some(bar.high)),
        ("low", |bar| Some(bar.low)),
        ("close", |bar| Some(bar.close)),
        ("volume", |bar| bar.volume),
        ("open_interest", |bar| bar.open_interest),
    ];
    fields
        .into_iter()
        .filter_map(|(name, of)| Some((name, of(stands)?, of(told)?)))
        .find(|(_, stands, told)| stands != told)
        .map(|(name, stands, told)| format!("its {name} is {stands}, not {told}"))
}

//! Questions over HTTP: stored bars, newest signals and those of the past, whether all is well.

mod chain;
mod past;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use rustc_hash::{FxHashMap, FxHashSet};
use tickwire_entitlements::{Decision, Identity};
use tickwire_market::{Bar, Calendar, InstrumentKey, Timeframe, UnixNanos};
use tickwire_signals::{Latest, base_timeframe};
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{
    BarsPage, Dependency, ErrorBody, ErrorCode, LatestRow, ReadyBody, SignalRow, SignalsPage, decode,
};

use crate::access::Access;
use crate::entitle::{Entitle, denied};
use crate::log_reader::LogReader;
use crate::open_connection::Fault;
use crate::placement::Placement;
use crate::plans::{Plan, Plans, unreadable};
use crate::ports::{AccessBook, Bars, Clock, Grants, Groups, Log, PortError, PortResult, Secrets, Timer};
use crate::single_flight::SingleFlight;
use crate::stored_bars::{StoredBars, next};
use crate::watermark::{Stamp, Watermarks, is_marked, withheld};

use rows::{Page, begin_of, joined, option_of};

pub use chain::ChainQuestion;
pub use past::{PastQuestion, past_log_bytes_per_request_max, past_segments_per_request_max};

/// Bars in one page.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const bars_per_page_max: usize = 5_000;
/// Blocks and pages of stored bars that one request reads; a page of the answer that would need
/// more ends early.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const bar_rows_per_request_max: usize = 6_000;
/// Bytes of log read beyond the latest row for the newest signals.
const TAIL_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Time in which a dependency has to answer to count as ready.
const READY_BUDGET: Duration = Duration::from_secs(2);
/// A group that is asked for to see whether the store answers.
const PROBE: &str = "live/READY";

/// What questions need from the world.
#[derive(Clone)]
pub struct QueryPorts {
    /// Rows of groups.
    pub groups: Arc<dyn Groups>,
    /// For signals after the latest row.
    pub log: Arc<dyn Log>,
    /// Stored bars.
    pub bars: Arc<dyn Bars>,
    /// Who may read what.
    pub access: Access,
    /// Asked whether they answer.
    pub secrets: Arc<dyn Secrets>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// For the budget of a dependency.
    pub timer: Arc<dyn Timer>,
}

impl QueryPorts {
    /// Over a store that holds all the rows.
    pub fn on<S: Groups + Log + Bars + Grants + AccessBook + 'static>(
        store: &Arc<S>,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        timer: Arc<dyn Timer>,
    ) -> Self {
        Self {
            groups: store.clone(),
            log: store.clone(),
            bars: store.clone(),
            access: Access::new(store.clone(), store.clone(), clock.clone()),
            secrets,
            clock,
            timer,
        }
    }
}

/// Which page of a range comes first. Within a page bars are oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageOrder {
    /// From the beginning of the range on.
    #[default]
    Oldest,
    /// From the end of the range back.
    Newest,
}

/// Which bars are asked for: those of `instrument` that end in `(from, to]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BarsQuestion {
    /// The world.
    pub universe: Universe,
    /// Which instrument.
    pub instrument: InstrumentKey,
    /// Of which length.
    pub timeframe: Timeframe,
    /// They end after this.
    pub from: UnixNanos,
    /// They end by this.
    pub to: UnixNanos,
    /// How many, 1 to [`bars_per_page_max`].
    pub limit: usize,
    /// Which come first.
    pub order: PageOrder,
    /// With volatility and Greeks at each bar's close; of an option.
    pub greeks: bool,
}

/// Signals in one page, which are all of an instrument unless there are more than a group holds.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const signals_per_page_max: usize = 4_096;

/// Which newest signals are asked for: those of the streams of `instrument` that
/// fit all that is given and that the reader may see.
#[derive(Clone, Debug)]
pub struct SignalsQuestion {
    /// The world.
    pub universe: Universe,
    /// Which instrument.
    pub instrument: InstrumentKey,
    /// Only this stream.
    pub key: Option<StreamKey>,
    /// Only streams of this timeframe.
    pub timeframe: Option<Timeframe>,
    /// Only streams behind this id.
    pub after: Option<u32>,
    /// How many, 1 to [`signals_per_page_max`].
    pub limit: usize,
}

/// A question for bars, and what it is of.
pub(super) struct Range<'a> {
    group: &'a GroupKey,
    calendar: Calendar,
    question: &'a BarsQuestion,
    /// Where Greeks are asked for: its bars stand beside those of the option.
    underlying: Option<&'a InstrumentKey>,
}

impl Range<'_> {
    /// How many stored bars make a page.
    fn stored_bars(&self) -> usize {
        let per_bar = match self.question.timeframe {
            Timeframe::DAY => 1,
            timeframe => timeframe.as_minutes().unwrap_or(1),
        };
        self.question.limit.saturating_mul(usize::from(per_bar))
    }

    fn joined(&self, stored: Vec<Bar>, start: UnixNanos, closed_until: Option<UnixNanos>) -> Vec<Bar> {
        let mut bars = joined(
            stored,
            self.calendar,
            self.question.timeframe,
            start,
            closed_until,
        );
        bars.retain(|bar| bar.end > self.question.from && bar.end <= self.question.to);
        bars
    }

    fn of_underlying(&self, stored: &mut StoredBars<'_>, start: UnixNanos) -> Vec<Bar> {
        let closed_until = stored.closed_until;
        let (bars, timeframe) = (stored.of(1), self.question.timeframe);
        joined(bars, self.calendar, timeframe, start, closed_until)
    }
}

/// The use case.
#[derive(Clone)]
pub struct QueryHistory {
    ports: QueryPorts,
    placement: Placement,
    universe: Universe,
    secret_name: Arc<str>,
    entitle: Entitle,
    plans: Plans,
    reader: Arc<LogReader>,
    watermarks: Watermarks,
    bar_pages: Arc<SingleFlight<BarsQuestion, Result<Arc<BarsPage>, Fault>>>,
}

impl QueryHistory {
    /// `universe` is the one that is read unless another is asked for;
    /// `secret_name` the secret that must be there to be ready.
    pub fn new(ports: QueryPorts, placement: Placement, universe: Universe, secret_name: &str) -> Self {
        Self {
            entitle: Entitle::new(ports.access.clone()),
            plans: Plans::new(ports.groups.clone()),
            reader: Arc::new(LogReader::new(ports.log.clone())),
            watermarks: Watermarks::of(ports.secrets.clone()),
            bar_pages: Arc::default(),
            ports,
            placement,
            universe,
            secret_name: secret_name.into(),
        }
    }

    /// The world that is read unless another is asked for.
    pub fn universe(&self) -> &Universe {
        &self.universe
    }

    /// Now.
    pub fn now(&self) -> UnixNanos {
        self.ports.clock.now()
    }

    async fn known_group(
        &self,
        universe: &Universe,
        instrument: &InstrumentKey,
    ) -> Result<(GroupKey, Arc<Plan>), Fault> {
        let group = self.placement.group_of(universe, instrument);
        match self.plans.newest(&group).await? {
            Some(plan) if plan.knows(instrument) => Ok((group, plan)),
            _ => {
                let message = format!("Instrument {instrument} is not known here.");
                Err(ErrorBody::with_message(ErrorCode::InstrumentUnknown, message).into())
            }
        }
    }

    /// A page of closed bars, as they were traded: not adjusted for later splits.
    /// `next` is a time: the next page is of the bars that end after it, or by it.
    /// Readers that ask the same at the same time share one reading; each is judged for itself.
    pub async fn bars(&self, identity: &Identity, question: &BarsQuestion) -> Result<Arc<BarsPage>, Fault> {
        let (instrument, timeframe) = (&question.instrument, question.timeframe);
        self.allow(identity, &StreamKey::bars(instrument.clone(), timeframe))
            .await?;
        if question.greeks {
            let greeks = StreamKey::common(instrument.clone(), timeframe, "greeks()");
            self.allow(identity, &greeks).await?;
        }
        let read = async || self.read_bars(question).await.map(Arc::new);
        self.bar_pages.join(question, read).await
    }

    async fn read_bars(&self, question: &BarsQuestion) -> Result<BarsPage, Fault> {
        let BarsQuestion {
            universe,
            instrument,
            timeframe,
            greeks,
            ..
        } = question;
        let (group, plan) = self.known_group(universe, instrument).await?;
        let option = greeks.then(|| option_of(&plan, instrument)).transpose()?;
        let underlying = option.as_ref().and_then(|(_, underlying)| underlying.as_ref());
        let calendar = Calendar::of(instrument)
            .map_err(|error| ErrorBody::with_message(ErrorCode::InstrumentUnknown, error.to_string()))?;
        let range = Range {
            group: &group,
            calendar,
            question,
            underlying,
        };
        let page = match question.order {
            PageOrder::Oldest => self.oldest(&range).await?,
            PageOrder::Newest => self.newest(&range).await?,
        };
        Ok(BarsPage {
            instrument: instrument.to_string(),
            timeframe: timeframe.to_string(),
            next: page.next.map(|time| time.0.to_string()),
            gaps: page.gaps(&range),
            bars: page.rows(option.as_ref().map(|(contract, _)| contract)),
        })
    }

    async fn oldest(&self, of: &Range<'_>) -> PortResult<Page> {
        let BarsQuestion {
            timeframe,
            from,
            to,
            limit,
            ..
        } = of.question;
        let start = begin_of(of.calendar, *timeframe, *from);
        let mut stored = self.stored(of);
        stored.see_what_is_closed(*to).await?;
        // A block is found by its first bar; that before the range may reach into it.
        stored.reaching_into(next(start)).await?;
        let mut read_from = Some(next(start));
        let mut bars = Vec::new();
        while let Some(from_here) = read_from
            && bars.len() <= *limit
            && stored.rows < bar_rows_per_request_max
        {
            read_from = stored.since(from_here, next(*to), of.stored_bars()).await?;
            bars = of.joined(stored.of(0), start, stored.closed_until);
            bars.retain(|bar| read_from.is_none_or(|read_from| bar.end < read_from));
        }
        let more = bars.len() > *limit || read_from.is_some();
        bars.truncate(*limit);
        // Where it ended early without a bar, the page is empty and its cursor moves on.
        let next = if more {
            let read_until = read_from.map(|time| time.saturating_add(-1));
            bars.last().map(|bar| bar.end).or(read_until)
        } else {
            None
        };
        Ok(Page {
            of_underlying: of.of_underlying(&mut stored, start),
            closed_until: stored.closed_until,
            bars,
            next,
        })
    }

    async fn newest(&self, of: &Range<'_>) -> PortResult<Page> {
        let BarsQuestion {
            timeframe,
            from,
            to,
            limit,
            ..
        } = of.question;
        let start = begin_of(of.calendar, *timeframe, *from);
        let mut stored = self.stored(of);
        stored.see_what_is_closed(*to).await?;
        let mut read_to = Some(next(*to));
        let mut bars = Vec::new();
        while let Some(to_here) = read_to
            && bars.len() <= *limit
            && stored.rows < bar_rows_per_request_max
        {
            // One block that begins before the range may reach into it, and no earlier one.
            read_to = stored.before(to_here, of.stored_bars()).await?;
            read_to = read_to.filter(|read_to| *read_to > start);
            bars = of.joined(stored.of(0), start, stored.closed_until);
            // Its older part may not have been read yet.
            bars.retain(|bar| read_to.is_none_or(|read_to| next(bar.start) >= read_to));
        }
        let more = bars.len() > *limit || read_to.is_some();
        bars.drain(..bars.len().saturating_sub(*limit));
        let next = if more {
            bars.first().map(|bar| bar.start).or(read_to)
        } else {
            None
        };
        Ok(Page {
            of_underlying: of.of_underlying(&mut stored, start),
            closed_until: stored.closed_until,
            bars,
            next,
        })
    }

    fn stored<'a>(&'a self, of: &Range<'a>) -> StoredBars<'a> {
        let base = base_timeframe(of.question.timeframe);
        let instruments = std::iter::once(&of.question.instrument).chain(of.underlying);
        StoredBars::new(&*self.ports.bars, of.group, base, instruments)
    }

    /// A page of newest signals; `next` is the id of its last stream. That a stream may not be seen is an error where
    /// it was asked for by its key.
    pub async fn signals(
        &self,
        identity: &Identity,
        question: &SignalsQuestion,
    ) -> Result<SignalsPage, Fault> {
        let SignalsQuestion {
            universe,
            instrument,
            key: only,
            timeframe,
            after,
            limit,
        } = question;
        if let Some(key) = only {
            if key.stream.instrument != *instrument {
                let message = format!("Stream {key} is not one of instrument {instrument}.");
                return Err(ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into());
            }
            self.allow(identity, key).await?;
        }
        let (group, _) = self.known_group(universe, instrument).await?;
        let row = self
            .ports
            .groups
            .group(&group)
            .await?
            .ok_or(ErrorCode::InstrumentUnknown)?;
        let latest: LatestRow = match self.ports.groups.latest(&group).await? {
            None => LatestRow::default(),
            Some((_, bytes)) => decode(&bytes).map_err(|error| unreadable("latest", &error))?,
        };
        let plan = self
            .plans
            .at_least(&group, latest.plan_version)
            .await?
            .unwrap_or_default();
        let of_instrument: Vec<(u32, StreamKey)> = plan
            .streams()
            .filter(|(id, _)| after.is_none_or(|after| *id > after))
            .filter(|(_, key)| key.split(':').nth(1) == Some(instrument.as_str()))
            .filter_map(|(id, key)| Some((id, key.parse::<StreamKey>().ok()?)))
            .filter(|(_, key)| only.as_ref().is_none_or(|only| only == key))
            .filter(|(_, key)| timeframe.is_none_or(|timeframe| timeframe == key.stream.timeframe))
            .collect();
        let keys: Vec<&StreamKey> = of_instrument.iter().map(|(_, key)| key).collect();
        let decisions = self.entitle.decide(identity, &keys).await;
        let mut seen: Vec<(u32, StreamKey)> = of_instrument
            .iter()
            .zip(decisions)
            .filter(|(_, decision)| decision.is_allowed())
            .map(|(stream, _)| stream.clone())
            .take(limit.saturating_add(1))
            .collect();
        let more = seen.len() > *limit;
        seen.truncate(*limit);

        let epoch: Arc<str> = row.epoch.as_str().into();
        let wanted: FxHashSet<u32> = seen.iter().map(|(id, _)| *id).collect();
        let newer = self.newer(&group, &epoch, latest.segment + 1, &wanted).await?;
        let asked_for = only.as_ref().is_some_and(is_marked);
        let any_marked = asked_for || seen.iter().any(|(_, key)| is_marked(key));
        let mark = self.watermarks.key(any_marked).await;
        if mark.is_none() && asked_for {
            return Err(withheld().into());
        }
        let last = seen.last().filter(|_| more).map(|(id, _)| id.to_string());
        let signals = seen
            .iter()
            .filter(|(_, key)| mark.is_some() || !is_marked(key))
            .map(|(id, key)| {
                let latest = newer.get(id).or_else(|| latest.of(*id));
                let stamp = mark
                    .as_ref()
                    .and_then(|mark| Stamp::of(mark, &identity.user, key));
                let marked = stamp.as_ref().zip(latest).map(|(stamp, latest)| Latest {
                    value: stamp.value(latest.offset, &latest.value),
                    ..latest.clone()
                });
                let mut row = SignalRow::of(&key.to_string(), marked.as_ref().or(latest), plan.outputs(*id));
                if let Some(stamp) = &stamp {
                    stamp.seal_row(&mut row);
                }
                row
            })
            .collect();
        Ok(SignalsPage {
            instrument: instrument.to_string(),
            epoch: row.epoch,
            signals,
            next: last,
        })
    }

    /// The newest signals of streams from a segment on.
    async fn newer(
        &self,
        group: &GroupKey,
        epoch: &Arc<str>,
        from: u64,
        wanted: &FxHashSet<u32>,
    ) -> PortResult<FxHashMap<u32, Latest>> {
        let tail = self.reader.to_head(group, epoch, from, TAIL_BYTES_MAX).await?;
        let mut newer = FxHashMap::default();
        for held in &tail.segments {
            for signal in held.segment.signals_where(held.number, |id| wanted.contains(&id)) {
                newer.insert(
                    signal.stream,
                    Latest {
                        offset: signal.offset,
                        exchange_time: signal.exchange_time,
                        receive_time: signal.receive_time,
                        mock: signal.mock,
                        value: signal.value,
                    },
                );
            }
        }
        Ok(newer)
    }

    /// The newest signal of each stream that has one.
    async fn newest_signals(
        &self,
        group: &GroupKey,
        wanted: FxHashSet<u32>,
    ) -> Result<FxHashMap<u32, Latest>, Fault> {
        let row = self.ports.groups.group(group).await?;
        let epoch: Arc<str> = row.ok_or(ErrorCode::InstrumentUnknown)?.epoch.as_str().into();
        let latest: LatestRow = match self.ports.groups.latest(group).await? {
            None => LatestRow::default(),
            Some((_, bytes)) => decode(&bytes).map_err(|error| unreadable("latest", &error))?,
        };
        let mut newest = self.newer(group, &epoch, latest.segment + 1, &wanted).await?;
        for row in latest.streams {
            if wanted.contains(&row.stream) {
                newest.entry(row.stream).or_insert(row.latest);
            }
        }
        Ok(newest)
    }

    async fn allow(&self, identity: &Identity, key: &StreamKey) -> Result<(), Fault> {
        match self.entitle.decide(identity, &[key]).await.first() {
            Some(Decision::Allow) => Ok(()),
            Some(Decision::Deny(denial)) => Err(denied(denial, identity).about(key.to_string()).into()),
            None => Err(ErrorCode::EntitlementUnreadable.into()),
        }
    }

    /// Asks what requests depend on.
    pub async fn ready(&self) -> ReadyBody {
        let store = async {
            match PROBE.parse::<GroupKey>() {
                Ok(group) => self.ports.groups.group(&group).await.map(|_| ()),
                Err(error) => Err(PortError::Refused {
                    what: "store",
                    why: error.to_string(),
                }),
            }
        };
        let secrets = async { self.ports.secrets.secret(&self.secret_name).await.map(|_| ()) };
        let (store, secrets) = join(self.probe("store", store), self.probe("secrets", secrets)).await;
        ReadyBody {
            ready: store.ok && secrets.ok,
            dependencies: vec![store, secrets],
        }
    }

    async fn probe(&self, name: &str, question: impl Future<Output = PortResult<()>>) -> Dependency {
        let began = self.ports.clock.now();
        let ok = match select(std::pin::pin!(question), self.ports.timer.sleep(READY_BUDGET)).await {
            Either::Left((Ok(()), _)) => true,
            Either::Left((Err(error), _)) => {
                tracing::warn!(dependency = name, %error, "not ready");
                false
            }
            Either::Right(_) => {
                tracing::warn!(dependency = name, "not ready: no answer in time");
                false
            }
        };
        let nanos = self.ports.clock.now().nanos_since(began);
        Dependency {
            name: name.to_owned(),
            ok,
            latency_ms: nanos as f64 / UnixNanos::PER_MILLISECOND as f64,
        }
    }
}

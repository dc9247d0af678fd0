//! Stored bars, read for seeding streams.

use rustc_hash::FxHashSet;
use tickwire_market::{Bar, InstrumentKey, Product, Timeframe, UnixNanos};
use tickwire_signals::{
    Engine, Event, Expression, LATENESS_NANOS, Need, PlanChange, ReferenceChange, Seed, WarmUp, adjust,
    base_timeframe, coarsen,
};
use tickwire_streams::{GroupKey, Universe};

use crate::ports::{Bars, PortError};
use crate::stored_bars::{StoredBars, next};

/// Blocks and pages read for one seed at the most; what lies further back is not used.
const ROWS_PER_SEED_MAX: usize = 16_384;
/// Bars in all seeds of one event at the most: its segment must fit a row.
const WARM_UP_BARS_MAX: usize = 2_000;

/// Fills the history that a plan or split event carries.
pub(crate) async fn fill(
    bars: &dyn Bars,
    group: &GroupKey,
    engine: &Engine,
    sent: UnixNanos,
    event: &mut Event,
    without: &mut Without,
) -> Result<(), PortError> {
    let mut seeds_of = Seeds {
        bars,
        group,
        engine,
        until: known_until(engine, group, sent),
        without,
    };
    match event {
        Event::Plan(PlanChange::Add { stream, warm_up }) => {
            let timeframe = stream.stream.timeframe;
            let own = |bars| Need {
                instrument: None,
                timeframe,
                bars,
            };
            let needs = match &*stream.stream.expression {
                "bars" => vec![own(0)],
                text => Expression::parse(text).map_or_else(
                    |_| vec![own(0)],
                    |parsed| {
                        let mut needs = parsed.needs(timeframe);
                        if parsed.reads_greeks() {
                            of_underlyings(engine, &stream.stream.instrument, &mut needs);
                        }
                        needs
                    },
                ),
            };
            let shares = shares(&needs);
            let mut seeds = Vec::with_capacity(needs.len());
            for (need, wanted) in needs.into_iter().zip(shares) {
                let instrument = need
                    .instrument
                    .unwrap_or_else(|| stream.stream.instrument.clone());
                let timeframe = need.timeframe;
                let splits = engine.splits(&instrument);
                let warm_up = seeds_of.seed(&instrument, timeframe, wanted, splits).await?;
                seeds.push(Seed {
                    instrument,
                    timeframe,
                    warm_up,
                });
            }
            if seeds.len() > 1 {
                let stream = stream.clone();
                *event = Event::Plan(PlanChange::AddSeeded { stream, seeds });
            } else if let Some(seed) = seeds.pop() {
                *warm_up = seed.warm_up;
            }
        }
        Event::Reference(ReferenceChange::Split {
            instrument,
            ratio,
            at,
            warm_up,
        }) => {
            let mut splits = engine.splits(instrument).to_vec();
            let place = splits.partition_point(|(time, _)| time < at);
            splits.insert(place, (*at, *ratio));
            let timeframes = engine.settling(instrument);
            let share = WARM_UP_BARS_MAX / timeframes.len().max(1);
            for (timeframe, wanted) in timeframes {
                let wanted = wanted.min(share);
                let seed = seeds_of.seed(instrument, timeframe, wanted, &splits).await?;
                warm_up.push((timeframe, seed));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Greeks on bars are of the underlying's bars too, as many as of the option's.
fn of_underlyings(engine: &Engine, own: &InstrumentKey, needs: &mut Vec<Need>) {
    for at in 0..needs.len() {
        let Need {
            instrument,
            timeframe,
            bars,
        } = &needs[at];
        let option = instrument.as_ref().unwrap_or(own);
        if option.product() != Product::Opt || *timeframe == Timeframe::TICK {
            continue;
        }
        let Some(underlying) = engine.underlying_of(option) else {
            continue;
        };
        let (timeframe, bars) = (*timeframe, *bars);
        let is_same =
            |need: &&mut Need| need.instrument.as_ref() == Some(underlying) && need.timeframe == timeframe;
        let underlying = underlying.clone();
        match needs.iter_mut().find(is_same) {
            Some(need) => need.bars = need.bars.max(bars),
            None => needs.push(Need {
                instrument: Some(underlying),
                timeframe,
                bars,
            }),
        }
    }
}

/// How many bars of each need are read, so that all fit one event: those that ask for less
/// than their share leave the rest to the others.
fn shares(needs: &[Need]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|at| needs[*at].bars);
    let (mut shares, mut left) = (vec![0; needs.len()], WARM_UP_BARS_MAX);
    for (done, at) in order.into_iter().enumerate() {
        shares[at] = needs[at].bars.min(left / (needs.len() - done));
        left -= shares[at];
    }
    shares
}

/// Instruments of which no tick came, and nothing is stored of that length: a message that adds
/// many streams asks once.
pub(crate) type Without = FxHashSet<(InstrumentKey, Timeframe)>;

/// From what streams of a group are seeded.
struct Seeds<'a> {
    bars: &'a dyn Bars,
    group: &'a GroupKey,
    engine: &'a Engine,
    /// Bars that end later are of the future; none: all are.
    until: Option<UnixNanos>,
    without: &'a mut Without,
}

impl Seeds<'_> {
    /// The last `wanted` closed bars of a timeframe, in the shares of after
    /// `splits`, and what is stored of the forming one, as traded.
    async fn seed(
        &mut self,
        instrument: &InstrumentKey,
        timeframe: Timeframe,
        wanted: usize,
        splits: &[(UnixNanos, f64)],
    ) -> Result<WarmUp, PortError> {
        let (Some(calendar), Some(minutes), Some(until)) = (
            self.engine.calendar(instrument),
            timeframe.as_minutes(),
            self.until,
        ) else {
            return Ok(WarmUp::default());
        };
        let base = base_timeframe(timeframe);
        let per_bar = if base == Timeframe::DAY {
            1
        } else {
            usize::from(minutes)
        };
        let nothing = (instrument.clone(), base);
        if self.without.contains(&nothing) {
            return Ok(WarmUp::default());
        }
        // One bar more than wanted: the oldest may be cut by where reading begins.
        let finer_wanted = (wanted + 1) * per_bar;
        let finer = self.last_bars(instrument, base, finer_wanted, until).await?;
        if finer.is_empty() && self.engine.last_tick(instrument).is_none() {
            self.without.insert(nothing);
        }
        let mut warm_up = coarsen(
            &finer,
            timeframe,
            calendar,
            until,
            self.engine.unsettled(instrument),
        );
        let surplus = warm_up.closed.len().saturating_sub(wanted);
        warm_up.closed.drain(..surplus);
        // Joined first, as the engine does, so that the bits are the same.
        adjust(&mut warm_up.closed, splits);
        Ok(warm_up)
    }

    /// The last `wanted` stored bars of an instrument that end by `to`, oldest first.
    async fn last_bars(
        &self,
        instrument: &InstrumentKey,
        base: Timeframe,
        wanted: usize,
        to: UnixNanos,
    ) -> Result<Vec<Bar>, PortError> {
        // A damaged row is a hole in the history, not a reason to stop the group.
        let stored = StoredBars::new(self.bars, self.group, base, [instrument]);
        let mut stored = stored.leaving_out_damaged();
        if self.engine.last_tick(instrument).is_none() {
            // The log closed no bar of it.
            stored = stored.of_pages_only();
        }
        let mut reached = Some(next(to));
        let mut last = Vec::new();
        while let Some(before) = reached
            && last.len() < wanted
            && stored.rows < ROWS_PER_SEED_MAX
        {
            reached = stored.before(before, wanted - last.len()).await?;
            last = stored.of(0);
            last.retain(|bar| bar.end <= to && reached.is_none_or(|reached| bar.end > reached));
        }
        let surplus = last.len().saturating_sub(wanted);
        last.drain(..surplus);
        Ok(last)
    }
}

/// By when bars count: those of after are of the future of the group. One in which nothing closed yet is as far as its sender's clock, where that keeps our time.
fn known_until(engine: &Engine, group: &GroupKey, sent: UnixNanos) -> Option<UnixNanos> {
    let keeps_our_time = *group.universe() == Universe::live();
    let sent = keeps_our_time.then(|| sent.saturating_add(-LATENESS_NANOS));
    engine.watermark().or(sent)
}

//! Stored bars, read for seeding streams.

use tickwire_market::{Bar, InstrumentKey, Product, Timeframe, UnixNanos};
use tickwire_signals::{
    Engine, Event, Expression, Need, PlanChange, ReferenceChange, Seed, WarmUp, adjust, base_timeframe,
    coarsen,
};
use tickwire_streams::GroupKey;
use tickwire_wire::{BarBlock, decode};

use crate::ports::{Bars, BlockRange, PortError};

/// Blocks read in one call.
const BLOCKS_PER_READ: usize = 256;
/// Blocks read for one seed at the most; what lies further back is not used.
const BLOCKS_PER_SEED_MAX: usize = 16_384;
/// Bars in all seeds of one event at the most: its segment must fit a row.
const WARM_UP_BARS_MAX: usize = 2_000;

/// Fills the history that a plan or split event carries.
pub(crate) async fn fill(
    bars: &dyn Bars,
    group: &GroupKey,
    engine: &Engine,
    event: &mut Event,
) -> Result<(), PortError> {
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
                let warm_up = seed(bars, group, engine, &instrument, timeframe, wanted, splits).await?;
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
                let seed = seed(bars, group, engine, instrument, timeframe, wanted, &splits).await?;
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

/// The last `wanted` closed bars of a timeframe, in the shares of after
/// `splits`, and what is stored of the forming one, as traded.
async fn seed(
    bars: &dyn Bars,
    group: &GroupKey,
    engine: &Engine,
    instrument: &InstrumentKey,
    timeframe: Timeframe,
    wanted: usize,
    splits: &[(UnixNanos, f64)],
) -> Result<WarmUp, PortError> {
    let (Some(calendar), Some(minutes), Some(watermark)) = (
        engine.calendar(instrument),
        timeframe.as_minutes(),
        engine.watermark(),
    ) else {
        return Ok(WarmUp::default());
    };
    let base = base_timeframe(timeframe);
    let per_bar = if base == Timeframe::DAY {
        1
    } else {
        usize::from(minutes)
    };
    // One bar more than wanted: the oldest may be cut by where reading begins.
    let finer_wanted = (wanted + 1) * per_bar;
    let finer = last_bars(bars, group, instrument, base, finer_wanted).await?;
    let mut warm_up = coarsen(&finer, timeframe, calendar, watermark);
    let surplus = warm_up.closed.len().saturating_sub(wanted);
    warm_up.closed.drain(..surplus);
    // Joined first, as the engine does, so that the bits are the same.
    adjust(&mut warm_up.closed, splits);
    Ok(warm_up)
}

/// The last `wanted` stored bars of an instrument, oldest first.
async fn last_bars(
    bars: &dyn Bars,
    group: &GroupKey,
    instrument: &InstrumentKey,
    timeframe: Timeframe,
    wanted: usize,
) -> Result<Vec<Bar>, PortError> {
    let mut newest_first: Vec<Bar> = Vec::new();
    let mut to = UnixNanos(i64::MAX);
    let mut blocks_read = 0;
    while newest_first.len() < wanted && blocks_read < BLOCKS_PER_SEED_MAX {
        let blocks = bars
            .blocks(group, BlockRange::before(timeframe, to, BLOCKS_PER_READ))
            .await?;
        blocks_read += blocks.len();
        let full = blocks.len() == BLOCKS_PER_READ;
        let before = to;
        for bytes in &blocks {
            // A damaged block is a hole in the history, not a reason to stop the group.
            let Ok(block) = decode::<BarBlock>(bytes) else {
                tracing::warn!(%group, %timeframe, "a damaged block of bars was left out");
                continue;
            };
            if let Some((_, first)) = block.bars.first() {
                // Several blocks may begin at one time: read that time once more.
                to = to.min(first.end.saturating_add(1));
            }
            newest_first.extend(
                block
                    .bars
                    .iter()
                    .rev()
                    .filter(|(key, _)| key == instrument)
                    .map(|(_, bar)| *bar),
            );
        }
        if !full || to == before {
            break;
        }
    }
    newest_first.sort_by_key(|bar| bar.end);
    newest_first.dedup_by_key(|bar| bar.end);
    let surplus = newest_first.len().saturating_sub(wanted);
    newest_first.drain(..surplus);
    Ok(newest_first)
}

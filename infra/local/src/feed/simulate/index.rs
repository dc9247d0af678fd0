//! An index and its options, re-priced from it through a smile.

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};
use rand::RngExt;
use rand_distr::weighted::WeightedAliasIndex;
use rand_pcg::Pcg64Mcg;
use tickwire_market::{Calendar, InstrumentKey, Quality, Quote, Tick, UnixNanos};

use super::smile::Expiry;
use super::walk::{Phase, Walk, u_shape};
use super::{SimulatorError, on_grid};

/// Where the index begins and what it returns to.
const INDEX_START: f64 = 24_000.0;
/// Its volatility per year.
const INDEX_VOLATILITY: f64 = 0.14;
/// The share of all ticks that are the index's.
const INDEX_SHARE: f64 = 0.02;
/// Between strikes.
pub(super) const STRIKE_STEP: i64 = 50;
/// Strikes on each side of the money.
const LEVELS_MAX: usize = 400;
/// Expiries, a week apart.
const EXPIRIES: usize = 3;
/// The index and every option of every strike.
pub(super) const INSTRUMENTS_MAX: usize = 1 + (2 * LEVELS_MAX + 1) * EXPIRIES * 2;
/// Steps of the price per rupee: the tick size is 0.05.
const STEPS_PER_UNIT: f64 = 20.0;
/// Shares in a contract.
const LOT: f64 = 75.0;
/// Ticks fall off to 1/e in so many levels from the money.
const LEVELS_TO_FALL: f64 = 8.0;
/// Share of ticks of an option that are trades; the others change its quotes.
const TRADE_SHARE: f64 = 0.7;
/// Half of the spread as a share of the price.
const HALF_SPREAD_SHARE: f64 = 0.0015;
/// Options are priced at least this long before their expiry.
const YEARS_MIN: f64 = 1.0 / (365.0 * 24.0);
/// Nanoseconds in a year of 365 days.
const NANOS_PER_YEAR: f64 = 365.0 * 24.0 * 3600.0 * 1e9;

#[derive(Clone, Debug)]
struct OptionState {
    key: InstrumentKey,
    strike: f64,
    ln_strike: f64,
    is_call: bool,
    expiry: usize,
    volume: f64,
    open_interest: f64,
}

#[derive(Clone, Debug)]
pub(super) struct IndexAndOptions {
    index: InstrumentKey,
    options: Vec<OptionState>,
    phase: Phase,
    walk: Walk,
    /// Each expiry's last moment, and its prices at the index's last tick.
    expiries: Vec<(UnixNanos, Expiry)>,
    /// Which instrument the next tick is of: 0 is the index.
    choice: WeightedAliasIndex<f64>,
}

impl IndexAndOptions {
    pub(super) fn new(instruments: usize, start: UnixNanos) -> Result<Self, SimulatorError> {
        let mut options = Vec::with_capacity(instruments);
        let days = expiry_days(start);
        let mut weights = vec![INDEX_SHARE];
        'all: for (level, strike) in strikes() {
            for (expiry, day) in days.iter().enumerate() {
                for right in ["CE", "PE"] {
                    if options.len() + 1 >= instruments {
                        break 'all;
                    }
                    let nearness = (-f64::from(level.abs()) / LEVELS_TO_FALL).exp();
                    // Half of the ticks for each later expiry; a little for all.
                    weights.push((nearness + 0.02) / f64::from(1 << expiry));
                    let lots = (500.0 + 40_000.0 * nearness) / f64::from(1 << expiry);
                    options.push(OptionState {
                        key: InstrumentKey::parse(&format!("NFO@NIFTY@OPT@{day}@{right}@{strike}"))?,
                        strike: strike as f64,
                        ln_strike: (strike as f64).ln(),
                        is_call: right == "CE",
                        expiry,
                        volume: 0.0,
                        open_interest: lots.round() * LOT,
                    });
                }
            }
        }
        let sum: f64 = weights.iter().skip(1).sum();
        weights
            .iter_mut()
            .skip(1)
            .for_each(|weight| *weight *= (1.0 - INDEX_SHARE) / sum);
        let expiries = days.iter().map(|day| {
            let last = Calendar::Nse.time_zone().to_timestamp(day.at(15, 30, 0, 0)).ok();
            let last = last
                .and_then(|last| UnixNanos::try_from(last).ok())
                .unwrap_or(start);
            (last, Expiry::new(INDEX_START, 0.0, years(start, last)))
        });
        Ok(Self {
            index: InstrumentKey::parse("NSE@NIFTY@IDX")?,
            options,
            phase: Phase::new(Calendar::Nse, start),
            walk: Walk::new(INDEX_VOLATILITY, start),
            expiries: expiries.collect(),
            choice: WeightedAliasIndex::new(weights)
                .map_err(|error| SimulatorError::Weights(error.to_string()))?,
        })
    }

    pub(super) fn instruments(&self) -> Vec<(InstrumentKey, f64)> {
        let options = self.options.iter().map(|option| option.key.clone());
        std::iter::once(self.index.clone())
            .chain(options)
            .map(|key| (key, 1.0 / STEPS_PER_UNIT))
            .collect()
    }

    pub(super) fn tick(&mut self, time: UnixNanos, random: &mut Pcg64Mcg) -> Tick {
        let chosen = random.sample(&self.choice);
        match chosen.checked_sub(1).and_then(|at| self.options.get_mut(at)) {
            None => self.index_tick(time, random),
            Some(option) => match self.expiries.get(option.expiry) {
                Some((_, expiry)) => option.tick(time, expiry, random),
                None => self.index_tick(time, random),
            },
        }
    }

    /// Moves the index, and with it what its options are priced from.
    fn index_tick(&mut self, time: UnixNanos, random: &mut Pcg64Mcg) -> Tick {
        let shape = u_shape(self.phase.at(time));
        let deviation = self.walk.advance(time, shape, random);
        let spot = INDEX_START * deviation.exp();
        for (last, expiry) in &mut self.expiries {
            *expiry = Expiry::new(spot, deviation, years(time, *last));
        }
        Tick {
            quality: Quality::Mock,
            ..Tick::at(self.index.clone(), time, on_grid(spot, STEPS_PER_UNIT))
        }
    }
}

impl OptionState {
    fn tick(&mut self, time: UnixNanos, expiry: &Expiry, random: &mut Pcg64Mcg) -> Tick {
        let fair = expiry.price(self.strike, self.ln_strike, self.is_call).max(0.0);
        let half_spread = (fair * HALF_SPREAD_SHARE).max(0.5 / STEPS_PER_UNIT);
        let bid_steps = ((fair - half_spread) * STEPS_PER_UNIT).floor();
        let ask_steps = ((fair + half_spread) * STEPS_PER_UNIT)
            .ceil()
            .max(bid_steps + 1.0)
            .max(1.0);
        let at_ask = random.random_bool(0.5) || bid_steps < 1.0;
        let is_trade = random.random_bool(TRADE_SHARE);
        let size = is_trade.then(|| lots(random, 4.0) * LOT);
        if let Some(size) = size {
            self.volume += size;
            let change = size * f64::from(random.random_range(-1..=1_i8));
            self.open_interest = (self.open_interest + change).max(0.0);
        }
        let mut quote = |steps: f64| Quote {
            price: steps / STEPS_PER_UNIT,
            size: Some(lots(random, 20.0) * LOT),
        };
        // Nobody bids less than a step.
        let bid = (bid_steps >= 1.0).then(|| quote(bid_steps));
        let ask = Some(quote(ask_steps));
        Tick {
            size,
            volume: Some(self.volume),
            open_interest: Some(self.open_interest),
            bid,
            ask,
            quality: Quality::Mock,
            ..Tick::at(
                self.key.clone(),
                time,
                if at_ask { ask_steps } else { bid_steps } / STEPS_PER_UNIT,
            )
        }
    }
}

/// One or more lots, `mean` on average: few large ones.
pub(super) fn lots(random: &mut Pcg64Mcg, mean: f64) -> f64 {
    let uniform: f64 = random.random();
    1.0 + (-(1.0 - uniform).ln() * (mean - 1.0)).round()
}

/// Strikes with their distance in levels, from the money outwards.
fn strikes() -> impl Iterator<Item = (i32, i64)> {
    let levels = 0..=i32::try_from(LEVELS_MAX).unwrap_or_default();
    let both = levels.flat_map(|level| [level, -level].into_iter().take(if level == 0 { 1 } else { 2 }));
    both.map(|level| (level, INDEX_START as i64 + i64::from(level) * STRIKE_STEP))
}

/// The next weekly expiries: Tuesdays after the start, or the session before
/// where the exchange is closed.
fn expiry_days(start: UnixNanos) -> Vec<Date> {
    let today = Calendar::Nse
        .time_zone()
        .to_datetime(Timestamp::from(start))
        .date();
    let tuesday = today.nth_weekday(1, Weekday::Tuesday).unwrap_or(today);
    let tuesdays = std::iter::successors(Some(tuesday), |day| day.checked_add(7.days()).ok());
    let moved = tuesdays.map(|tuesday| {
        let mut day = tuesday;
        while Calendar::Nse.session_on(day) == Ok(None) {
            day = day.saturating_sub(1.day());
        }
        day
    });
    moved.filter(|day| *day > today).take(EXPIRIES).collect()
}

fn years(now: UnixNanos, last: UnixNanos) -> f64 {
    (last.nanos_since(now) as f64 / NANOS_PER_YEAR).max(YEARS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_the_next_three_tuesdays() {
        let check = |start: &str, expected: [&str; 3]| {
            let start: Timestamp = start.parse().unwrap();
            let days: Vec<String> = expiry_days(start.try_into().unwrap())
                .iter()
                .map(Date::to_string)
                .collect();
            assert_eq!(days, expected, "{start}");
        };
        check("2026-01-05T03:45:00Z", ["2026-01-06", "2026-01-13", "2026-01-20"]);
        // On an expiry day, the next one; 2026-03-31 is a holiday, so the Monday.
        check("2026-03-24T03:45:00Z", ["2026-03-30", "2026-04-07", "2026-04-13"]);
    }

    #[test]
    fn strikes_go_outwards() {
        let first: Vec<_> = strikes().take(5).collect();
        assert_eq!(
            first,
            [(0, 24_000), (1, 24_050), (-1, 23_950), (2, 24_100), (-2, 23_900)]
        );
        assert_eq!(strikes().count(), 2 * LEVELS_MAX + 1);
    }
}

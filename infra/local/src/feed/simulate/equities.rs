//! Shares that move partly together.

use rand::RngExt;
use rand_distr::StandardNormal;
use rand_distr::weighted::WeightedAliasIndex;
use rand_pcg::Pcg64Mcg;
use tickwire_market::{Calendar, InstrumentKey, Quality, Quote, Tick, UnixNanos};

use super::index::lots;
use super::walk::{Phase, Walk, u_shape};
use super::{SimulatorError, on_grid};

/// The most shares.
pub(super) const INSTRUMENTS_MAX: usize = 10_000;
/// Steps of the price per dollar: the tick size is 0.01.
const STEPS_PER_UNIT: f64 = 100.0;
/// Median price at the start.
const PRICE_MEDIAN: f64 = 80.0;
/// Volatility per year of the whole market.
const MARKET_VOLATILITY: f64 = 0.15;
/// Least and greatest volatility per year of a share by itself.
const OWN_VOLATILITY: (f64, f64) = (0.15, 0.5);
/// How fast ticks fall off from the most active share: rank to this power.
const ACTIVITY_POWER: f64 = -0.8;
/// Half of the spread as a share of the price.
const HALF_SPREAD_SHARE: f64 = 0.000_1;
/// Shares in a lot.
const LOT: f64 = 100.0;

#[derive(Clone, Debug)]
struct Share {
    key: InstrumentKey,
    price_start: f64,
    /// How much it moves with the market.
    beta: f64,
    walk: Walk,
    volume: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Equities {
    shares: Vec<Share>,
    phase: Phase,
    market: Walk,
    choice: WeightedAliasIndex<f64>,
}

impl Equities {
    pub(super) fn new(
        instruments: usize,
        start: UnixNanos,
        random: &mut Pcg64Mcg,
    ) -> Result<Self, SimulatorError> {
        let mut shares = Vec::with_capacity(instruments);
        for number in 1..=instruments {
            let spread: f64 = random.sample(StandardNormal);
            let (least, greatest) = OWN_VOLATILITY;
            shares.push(Share {
                key: InstrumentKey::parse(&format!("NASDAQ@SIM{number:04}@EQ"))?,
                price_start: on_grid(PRICE_MEDIAN * (0.7 * spread).exp(), STEPS_PER_UNIT),
                beta: random.random_range(0.5..1.5),
                walk: Walk::new(random.random_range(least..greatest), start),
                volume: 0.0,
            });
        }
        let weights = (1..=instruments)
            .map(|rank| (rank as f64).powf(ACTIVITY_POWER))
            .collect();
        Ok(Self {
            shares,
            phase: Phase::new(Calendar::UsEquities, start),
            market: Walk::new(MARKET_VOLATILITY, start),
            choice: WeightedAliasIndex::new(weights)
                .map_err(|error| SimulatorError::Weights(error.to_string()))?,
        })
    }

    pub(super) fn instruments(&self) -> Vec<(InstrumentKey, f64)> {
        self.shares
            .iter()
            .map(|share| (share.key.clone(), 1.0 / STEPS_PER_UNIT))
            .collect()
    }

    pub(super) fn tick(&mut self, time: UnixNanos, random: &mut Pcg64Mcg) -> Option<Tick> {
        let shape = u_shape(self.phase.at(time));
        let market = self.market.advance(time, shape, random);
        let chosen = random.sample(&self.choice);
        let share = self.shares.get_mut(chosen)?;
        let own = share.walk.advance(time, shape, random);
        let fair = share.price_start * (own + share.beta * market).exp();
        let half_spread = (fair * HALF_SPREAD_SHARE).max(0.5 / STEPS_PER_UNIT);
        let bid_steps = ((fair - half_spread) * STEPS_PER_UNIT).floor().max(1.0);
        let ask_steps = ((fair + half_spread) * STEPS_PER_UNIT)
            .ceil()
            .max(bid_steps + 1.0);
        let traded_steps = if random.random_bool(0.5) {
            bid_steps
        } else {
            ask_steps
        };
        let size = lots(random, 2.0) * LOT;
        share.volume += size;
        let mut quote = |steps: f64| Quote {
            price: steps / STEPS_PER_UNIT,
            size: Some(lots(random, 5.0) * LOT),
        };
        let (bid, ask) = (quote(bid_steps), quote(ask_steps));
        Some(Tick {
            size: Some(size),
            volume: Some(share.volume),
            bid: Some(bid),
            ask: Some(ask),
            quality: Quality::Mock,
            ..Tick::at(share.key.clone(), time, traded_steps / STEPS_PER_UNIT)
        })
    }
}

//! A simulated market: endless, and the same for the same seed.
//!
//! Every tick is marked [`Mock`](tickwire_market::Quality::Mock). This is a
//! source of load and of something to look at, not a model of a market; in
//! particular its option prices come from a smile that is made up (see
//! [`smile`]).
//!
//! The same options give the same ticks on one platform (its `exp` and `ln`
//! may differ in the last bit from another's) and with the pinned versions of
//! the random number crates.

mod equities;
mod index;
pub mod smile;
mod walk;
mod window;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use thiserror::Error;
use tickwire_market::{InstrumentKey, InstrumentKeyError, Tick, UnixNanos};

use equities::Equities;
use index::IndexAndOptions;
pub use window::{Followed, Seen};

/// The highest rate in ticks per second.
pub const RATE_PER_S_MAX: u32 = 10_000_000;

/// Exchange times are whole multiples of it from the start, in nanoseconds, as
/// coarse as those of a feed that tells microseconds.
const NANOS_PER_STAMP: i64 = 1_000;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// `NSE@NIFTY@IDX` and its options on NFO, the three next expiries, from
    /// the money outwards.
    IndexAndOptions,
    /// `NASDAQ@SIM0001@EQ`, `NASDAQ@SIM0002@EQ`, …
    Equities,
}

impl Mix {
    /// The most instruments.
    pub fn instruments_max(self) -> usize {
        match self {
            Self::IndexAndOptions => index::INSTRUMENTS_MAX,
            Self::Equities => equities::INSTRUMENTS_MAX,
        }
    }
}

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatorOptions {
    /// Where the random numbers start.
    pub seed: u64,
    /// Number of instruments. Of an index and options, one is the index.
    pub instruments: usize,
    /// Ticks per second of exchange time, over all instruments.
    pub rate_per_s: u32,
    /// Exchange time of the first tick.
    pub start: UnixNanos,
    /// What is simulated.
    pub mix: Mix,
}

impl Default for SimulatorOptions {
    /// One index and 441 options, 1,000 ticks per second, from 09:15 in India
    /// on 2026-01-05.
    fn default() -> Self {
        Self {
            seed: 1,
            instruments: 442,
            rate_per_s: 1_000,
            start: UnixNanos(1_767_584_700_000_000_000),
            mix: Mix::IndexAndOptions,
        }
    }
}

/// Why there can be no such simulation.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SimulatorError {
    /// None, or too many instruments.
    #[error("{instruments} instruments cannot be simulated: ask for 1 to {max}")]
    Instruments {
        /// As asked for.
        instruments: usize,
        /// The most.
        max: usize,
    },
    /// No rate, or too high a one.
    #[error("{rate_per_s} ticks per second cannot be simulated: ask for 1 to {RATE_PER_S_MAX}")]
    Rate {
        /// As asked for.
        rate_per_s: u32,
    },
    /// A start for which no instruments can be named.
    #[error("cannot name the simulated instruments: {0}: start at a time from 1970 to 2199")]
    Instrument(#[from] InstrumentKeyError),
    /// Weights that make no distribution.
    #[error("cannot spread ticks over the instruments: {0}")]
    Weights(String),
}

/// An endless sequence of ticks. Tick `i` has an exchange time within
/// `[start + i / rate, start + (i + 1) / rate)`, truncated to whole
/// microseconds from the start; its receive time is the same, and whoever
/// sends it may stamp it anew.
#[derive(Clone, Debug)]
pub struct Simulator {
    random: Pcg64Mcg,
    start: UnixNanos,
    rate_per_s: u32,
    count: u64,
    market: Market,
}

#[derive(Clone, Debug)]
enum Market {
    Index(Box<IndexAndOptions>),
    Equities(Box<Equities>),
}

impl Simulator {
    /// Starts a simulation.
    pub fn new(options: SimulatorOptions) -> Result<Self, SimulatorError> {
        let SimulatorOptions {
            seed,
            instruments,
            rate_per_s,
            start,
            mix,
        } = options;
        let max = mix.instruments_max();
        if instruments == 0 || instruments > max {
            return Err(SimulatorError::Instruments { instruments, max });
        }
        if rate_per_s == 0 || rate_per_s > RATE_PER_S_MAX {
            return Err(SimulatorError::Rate { rate_per_s });
        }
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let market = match mix {
            Mix::IndexAndOptions => Market::Index(Box::new(IndexAndOptions::new(instruments, start)?)),
            Mix::Equities => Market::Equities(Box::new(Equities::new(instruments, start, &mut random)?)),
        };
        Ok(Self {
            random,
            start,
            rate_per_s,
            count: 0,
            market,
        })
    }

    /// Each instrument with its tick size, the step of its prices.
    pub fn instruments(&self) -> Vec<(InstrumentKey, f64)> {
        match &self.market {
            Market::Index(market) => market.instruments(),
            Market::Equities(market) => market.instruments(),
        }
    }

    /// Exchange time of the next tick.
    fn tick_time(&mut self) -> UnixNanos {
        let slot = |count: u64| {
            let nanos = u128::from(count) * 1_000_000_000 / u128::from(self.rate_per_s);
            i64::try_from(nanos).unwrap_or(i64::MAX)
        };
        let (from, to) = (slot(self.count), slot(self.count + 1));
        self.count += 1;
        let within = self.random.random_range(from..to.max(from + 1).max(1));
        self.start.saturating_add(within - within % NANOS_PER_STAMP)
    }
}

impl Iterator for Simulator {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        let time = self.tick_time();
        match &mut self.market {
            Market::Index(market) => Some(market.tick(time, &mut self.random)),
            Market::Equities(market) => market.tick(time, &mut self.random),
        }
    }
}

/// The price on the grid of `per_unit` steps per unit that is nearest, and at least one step.
fn on_grid(price: f64, per_unit: f64) -> f64 {
    (price * per_unit).round().max(1.0) / per_unit
}

#[cfg(test)]
mod tests;

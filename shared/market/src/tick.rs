//! A tick: one observation of one instrument.

use serde::{Deserialize, Serialize};

use crate::{InstrumentKey, Product, TickRefusal, UnixNanos};

/// The highest price of an index.
pub(crate) const INDEX_PRICE_MAX: f64 = 1_000_000.0;
/// The highest price of an option, in the instrument's currency.
pub(crate) const OPTION_PRICE_MAX: f64 = 100_000.0;
/// The highest price of anything else, in the instrument's currency.
pub(crate) const PRICE_MAX: f64 = 1_000_000_000.0;
/// Levels of depth on each side.
pub(crate) const DEPTH_LEVELS_MAX: usize = 5;
/// How far the exchange time may be ahead of the receive time (clocks differ).
pub(crate) const AHEAD_SECONDS_MAX: i64 = 5;
/// How far the exchange time may be behind the receive time: a quiet
/// instrument's last trade may be a long weekend old.
pub(crate) const BEHIND_SECONDS_MAX: i64 = 7 * 24 * 60 * 60;

/// Price with the quantity offered or wanted there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Price in the instrument's currency.
    pub price: f64,
    /// Quantity; absent when the source does not tell.
    pub size: Option<f64>,
}

/// Up to five levels on each side, best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Depth {
    /// Bids, best first.
    pub bids: Vec<Quote>,
    /// Asks, best first.
    pub asks: Vec<Quote>,
}

/// Where a tick's values come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// A market said so.
    #[default]
    Live,
    /// A simulation made it up.
    Mock,
    /// A market said so, but too long ago.
    Stale,
}

/// One observation of one instrument. Whatever the source did not say is
/// absent, never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Which instrument.
    pub instrument: InstrumentKey,
    /// When it happened, by the exchange.
    pub exchange_time: UnixNanos,
    /// When the sender received it. Lateness and staleness are judged against
    /// this stamp, never against a reader's clock.
    pub receive_time: UnixNanos,
    /// Last price (or the mid of a quote), in the instrument's currency.
    pub price: f64,
    /// Quantity of the last trade.
    pub size: Option<f64>,
    /// Quantity traded so far in the session, cumulative.
    pub volume: Option<f64>,
    /// Open interest in contracts.
    pub open_interest: Option<f64>,
    /// Best bid.
    pub bid: Option<Quote>,
    /// Best ask.
    pub ask: Option<Quote>,
    /// Depth of the book.
    pub depth: Option<Box<Depth>>,
    /// Live, mock or stale.
    pub quality: Quality,
}

impl Quote {
    fn is_valid(&self) -> bool {
        self.price.is_finite() && self.price > 0.0 && self.size.is_none_or(is_quantity)
    }
}

impl Tick {
    /// Refuses a tick that cannot be true. Time is judged against the receive
    /// stamp that the tick carries, never against a clock. Crossed quotes are
    /// accepted: markets do that.
    pub fn check(&self) -> Result<(), TickRefusal> {
        if !self.price.is_finite() {
            return Err(TickRefusal::PriceNotFinite);
        }
        if self.price <= 0.0 {
            return Err(TickRefusal::PriceNotPositive);
        }
        let price_max = match self.instrument.product() {
            Product::Idx => INDEX_PRICE_MAX,
            Product::Opt => OPTION_PRICE_MAX,
            Product::Eq | Product::Fut | Product::Spot | Product::Perp => PRICE_MAX,
        };
        if self.price > price_max {
            return Err(TickRefusal::PriceOutOfBounds);
        }
        if self.size.is_some_and(|size| !is_quantity(size)) {
            return Err(TickRefusal::SizeNegative);
        }
        if self.volume.is_some_and(|volume| !is_quantity(volume)) {
            return Err(TickRefusal::VolumeNegative);
        }
        if self.open_interest.is_some_and(|interest| !is_quantity(interest)) {
            return Err(TickRefusal::OpenInterestNegative);
        }
        if [&self.bid, &self.ask]
            .into_iter()
            .flatten()
            .any(|quote| !quote.is_valid())
        {
            return Err(TickRefusal::QuoteInvalid);
        }
        if let Some(depth) = &self.depth {
            if depth.bids.len() > DEPTH_LEVELS_MAX || depth.asks.len() > DEPTH_LEVELS_MAX {
                return Err(TickRefusal::DepthTooDeep);
            }
            if depth
                .bids
                .iter()
                .chain(&depth.asks)
                .any(|quote| !quote.is_valid())
            {
                return Err(TickRefusal::QuoteInvalid);
            }
        }
        let behind = self.receive_time.nanos_since(self.exchange_time);
        if behind < -AHEAD_SECONDS_MAX * UnixNanos::PER_SECOND {
            return Err(TickRefusal::TimeInFuture);
        }
        if behind > BEHIND_SECONDS_MAX * UnixNanos::PER_SECOND {
            return Err(TickRefusal::TimeTooOld);
        }
        Ok(())
    }
}

/// Whether `value` can be a quantity: finite, 0 or above.
pub(crate) fn is_quantity(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

//! A tick: one observation of one instrument.

use serde::{Deserialize, Serialize};

use crate::{InstrumentKey, UnixNanos};

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

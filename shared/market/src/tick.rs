//! A tick: one observation of one instrument.

use serde::{Deserialize, Serialize};

use crate::{InstrumentKey, Product, TickRefusal, UnixNanos};

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
    /// A live tick of a price, and of nothing else, that was received when it happened.
    pub const fn at(instrument: InstrumentKey, time: UnixNanos, price: f64) -> Self {
        Self {
            instrument,
            exchange_time: time,
            receive_time: time,
            price,
            size: None,
            volume: None,
            open_interest: None,
            bid: None,
            ask: None,
            depth: None,
            quality: Quality::Live,
        }
    }

    /// The highest price of an index.
    pub const INDEX_PRICE_MAX: f64 = 1_000_000.0;
    /// The highest price of an option, in the instrument's currency.
    pub const OPTION_PRICE_MAX: f64 = 100_000.0;
    /// The highest price of anything else, in the instrument's currency.
    pub const PRICE_MAX: f64 = 1_000_000_000.0;
    /// Levels of depth on each side.
    pub const DEPTH_LEVELS_MAX: usize = 5;
    /// How far the exchange time may be ahead of the receive time: clocks
    /// differ.
    pub const AHEAD_SECONDS_MAX: i64 = 5;
    /// How far the exchange time may be behind the receive time: a quiet
    /// instrument's last trade may be a long weekend old. A replay stamps both
    /// alike.
    pub const BEHIND_SECONDS_MAX: i64 = 7 * 24 * 60 * 60;

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
            Product::Idx => Self::INDEX_PRICE_MAX,
            Product::Opt => Self::OPTION_PRICE_MAX,
            Product::Eq | Product::Fut | Product::Spot | Product::Perp => Self::PRICE_MAX,
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
            if depth.bids.len() > Self::DEPTH_LEVELS_MAX || depth.asks.len() > Self::DEPTH_LEVELS_MAX {
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
        if behind < -Self::AHEAD_SECONDS_MAX * UnixNanos::PER_SECOND {
            return Err(TickRefusal::TimeInFuture);
        }
        if behind > Self::BEHIND_SECONDS_MAX * UnixNanos::PER_SECOND {
            return Err(TickRefusal::TimeTooOld);
        }
        Ok(())
    }
}

/// Whether `value` can be a quantity: finite, 0 or above.
pub(crate) fn is_quantity(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(key: &str) -> Tick {
        let time = UnixNanos(1_700_000_000 * UnixNanos::PER_SECOND);
        Tick::at(InstrumentKey::parse(key).unwrap(), time, 100.0)
    }

    fn quote(price: f64, size: Option<f64>) -> Quote {
        Quote { price, size }
    }

    #[test]
    fn check_refuses_what_cannot_be_true() {
        use TickRefusal::*;
        let check = |change: fn(&mut Tick), expected: Option<TickRefusal>| {
            let mut tick = tick("NASDAQ@AAPL@EQ");
            change(&mut tick);
            assert_eq!(tick.check().err(), expected, "{tick:?}");
        };
        check(|_| (), None);
        check(|tick| tick.price = f64::NAN, Some(PriceNotFinite));
        check(|tick| tick.price = f64::INFINITY, Some(PriceNotFinite));
        check(|tick| tick.price = 0.0, Some(PriceNotPositive));
        check(|tick| tick.price = -0.01, Some(PriceNotPositive));
        check(|tick| tick.price = f64::MIN_POSITIVE, None);
        check(|tick| tick.size = Some(0.0), None);
        check(|tick| tick.size = Some(-1.0), Some(SizeNegative));
        check(|tick| tick.size = Some(f64::NAN), Some(SizeNegative));
        check(|tick| tick.volume = Some(-1.0), Some(VolumeNegative));
        check(|tick| tick.open_interest = Some(-1.0), Some(OpenInterestNegative));
        check(|tick| tick.bid = Some(quote(99.0, Some(0.0))), None);
        check(|tick| tick.bid = Some(quote(0.0, None)), Some(QuoteInvalid));
        check(|tick| tick.ask = Some(quote(f64::NAN, None)), Some(QuoteInvalid));
        check(
            |tick| tick.ask = Some(quote(101.0, Some(-1.0))),
            Some(QuoteInvalid),
        );
        // Crossed, as markets are at times.
        check(
            |tick| {
                tick.bid = Some(quote(102.0, None));
                tick.ask = Some(quote(101.0, None));
            },
            None,
        );
        let full = || vec![quote(1.0, None); Tick::DEPTH_LEVELS_MAX];
        let deep = || vec![quote(1.0, None); Tick::DEPTH_LEVELS_MAX + 1];
        let depth = |bids, asks| Some(Box::new(Depth { bids, asks }));
        let check_depth = |depth, expected| {
            let refusal = Tick {
                depth,
                ..tick("NASDAQ@AAPL@EQ")
            }
            .check()
            .err();
            assert_eq!(refusal, expected);
        };
        check_depth(depth(full(), full()), None);
        check_depth(depth(deep(), vec![]), Some(DepthTooDeep));
        check_depth(depth(vec![], deep()), Some(DepthTooDeep));
        check_depth(depth(vec![quote(-1.0, None)], vec![]), Some(QuoteInvalid));
    }

    #[test]
    fn prices_are_bounded_by_product() {
        let check = |key: &str, price_max: f64| {
            let at = |price| Tick { price, ..tick(key) }.check();
            assert_eq!(at(price_max), Ok(()), "{key}");
            assert_eq!(
                at(price_max.next_up()),
                Err(TickRefusal::PriceOutOfBounds),
                "{key}"
            );
        };
        check("NSE@NIFTY@IDX", 1_000_000.0);
        check("NFO@NIFTY@OPT@2026-11-26@CE@24000", 100_000.0);
        check("NFO@NIFTY@FUT@2026-11-26", Tick::PRICE_MAX);
        check("NYSE@BRK.A@EQ", Tick::PRICE_MAX);
        check("BINANCE@BTCUSDT@SPOT", Tick::PRICE_MAX);
        check("DERIBIT@BTC@PERP", Tick::PRICE_MAX);
    }

    #[test]
    fn time_is_judged_against_the_receive_stamp() {
        let check = |nanos_ahead: i64, expected| {
            let mut tick = tick("NSE@NIFTY@IDX");
            tick.exchange_time = tick.receive_time.saturating_add(nanos_ahead);
            assert_eq!(tick.check(), expected, "{nanos_ahead}");
        };
        let ahead = Tick::AHEAD_SECONDS_MAX * UnixNanos::PER_SECOND;
        let behind = Tick::BEHIND_SECONDS_MAX * UnixNanos::PER_SECOND;
        check(0, Ok(()));
        check(ahead, Ok(()));
        check(ahead + 1, Err(TickRefusal::TimeInFuture));
        check(-behind, Ok(()));
        check(-behind - 1, Err(TickRefusal::TimeTooOld));
        check(i64::MAX, Err(TickRefusal::TimeInFuture));
        check(i64::MIN, Err(TickRefusal::TimeTooOld));
    }

    #[test]
    fn ticks_survive_serde() {
        let mut tick = tick("NSE@NIFTY@IDX");
        tick.bid = Some(quote(99.5, Some(10.0)));
        tick.depth = Some(Box::new(Depth {
            bids: vec![quote(99.5, None)],
            asks: vec![],
        }));
        let bytes = postcard::to_allocvec(&tick).unwrap();
        assert_eq!(postcard::from_bytes::<Tick>(&bytes).unwrap(), tick);
        let text = serde_json::to_string(&tick).unwrap();
        assert_eq!(serde_json::from_str::<Tick>(&text).unwrap(), tick);
    }
}

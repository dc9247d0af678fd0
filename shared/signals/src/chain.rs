//! Options: what is told of a chain, and Greeks of a contract at one moment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tickwire_market::{Calendar, InstrumentKey, Product, Right, UnixNanos};
use tickwire_options::{
    Basis, Carry, Chain, ChainError, Conditions, Curve, CurveError, Exercise, Expiry, Greek, Lanes, Quote,
    Settings, Underlying, Unsolved, Valued, expiry_close, years_to,
};

use crate::value::{Absence, PriceValue, Value};

/// How often a chain is valued as a whole, at the most, unless told otherwise.
pub const CHAIN_EVERY_NANOS: i64 = UnixNanos::PER_SECOND;
/// Age from which an underlying's price is stale, unless told otherwise.
pub const UNDERLYING_STALE_NANOS: i64 = 120 * UnixNanos::PER_SECOND;
/// Age from which a contract's quote is stale, unless told otherwise.
pub const QUOTE_STALE_NANOS: i64 = 900 * UnixNanos::PER_SECOND;

/// How the options of an underlying are valued. It is told by a reference event, so
/// that it stands in the log; without it they have no values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainTerms {
    /// Days to expiry with the continuous rate per year, ascending by days; on the line
    /// between, flat beyond.
    pub rates: Vec<(f64, f64)>,
    /// Continuous yield per year, for the forward where no strike has both prices, and
    /// on bars.
    pub dividend_yield: f64,
    /// Nanoseconds between two passes over the whole chain, at the least.
    pub every: i64,
    /// Age in nanoseconds from which the underlying's price is stale.
    pub underlying_stale: i64,
    /// Age in nanoseconds from which a contract's quote is stale.
    pub quote_stale: i64,
}

impl ChainTerms {
    /// One rate for all times, no yield, and the usual bounds.
    #[must_use]
    pub fn flat(rate: f64) -> Self {
        Self {
            rates: vec![(0.0, rate)],
            dividend_yield: 0.0,
            every: CHAIN_EVERY_NANOS,
            underlying_stale: UNDERLYING_STALE_NANOS,
            quote_stale: QUOTE_STALE_NANOS,
        }
    }

    /// Whether a chain can be valued so.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), ChainTermsError> {
        self.curve().map(|_| ())
    }

    fn curve(&self) -> Result<Curve, ChainTermsError> {
        if !self.dividend_yield.is_finite() {
            return Err(ChainTermsError::Yield(self.dividend_yield));
        }
        if [self.every, self.underlying_stale, self.quote_stale]
            .iter()
            .any(|nanos| *nanos <= 0)
        {
            return Err(ChainTermsError::Time);
        }
        Ok(Curve::new(&self.rates)?)
    }

    /// The settings of a chain on `underlying`.
    ///
    /// # Errors
    /// When they are none.
    pub fn settings(&self, underlying: &InstrumentKey) -> Result<Settings, ChainTermsError> {
        let curve = self.curve()?;
        // Options on shares in the United States may be exercised early, those on indices may not.
        let american =
            Calendar::of(underlying) == Ok(Calendar::UsEquities) && underlying.product() != Product::Idx;
        Ok(Settings {
            curve,
            dividend_yield: self.dividend_yield,
            on_future: underlying.product() == Product::Fut,
            exercise: if american {
                Exercise::American
            } else {
                Exercise::European
            },
            cost: 0.0,
        })
    }
}

/// What is told of a chain cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ChainTermsError {
    /// The rates.
    #[error(transparent)]
    Curve(#[from] CurveError),
    /// The yield.
    #[error("the yield is {0}: give a number per year, such as 0.012")]
    Yield(f64),
    /// An interval or age.
    #[error("the interval of a chain and the ages from which prices are stale are above 0")]
    Time,
}

/// The underlying of an option among the instruments of its group: what has its symbol,
/// an index before a share, a pair, a perpetual; else the future that expires next after
/// it or with it.
pub fn underlying_of<'a, T>(
    option: &InstrumentKey,
    known: impl Iterator<Item = (T, &'a InstrumentKey)>,
) -> Option<T> {
    let expiry = option.expiry()?;
    let rank = |key: &InstrumentKey| match key.product() {
        _ if key.symbol() != option.symbol() => None,
        Product::Idx => Some((0, expiry)),
        Product::Eq => Some((1, expiry)),
        Product::Spot => Some((2, expiry)),
        Product::Perp => Some((3, expiry)),
        Product::Fut => key.expiry().filter(|day| *day >= expiry).map(|day| (4, day)),
        Product::Opt => None,
    };
    known
        .filter_map(|(id, key)| Some(((rank(key)?, key), id)))
        .min_by(|(a, _), (b, _)| a.cmp(b))
        .map(|(_, id)| id)
}

/// A contract, and how it is valued.
#[derive(Clone, Debug)]
pub struct OptionContract {
    /// Strike.
    pub strike: f64,
    /// Call or put.
    pub right: Right,
    /// When trading in it ends.
    pub close: UnixNanos,
    settings: Option<Arc<Settings>>,
    underlying_stale: i64,
}

impl OptionContract {
    /// Of an option's key; absent for any other, and where its calendar knows no close on
    /// the day of its expiry. `on` is its underlying with what was told of the chain.
    pub fn of(key: &InstrumentKey, on: Option<(&InstrumentKey, &ChainTerms)>) -> Option<Self> {
        let calendar = Calendar::of(key).ok()?;
        let settings = on.and_then(|(underlying, terms)| terms.settings(underlying).ok());
        Some(Self {
            strike: key.strike()?,
            right: key.right()?,
            close: expiry_close(calendar, key.expiry()?).ok()?,
            settings: settings.map(Arc::new),
            underlying_stale: on.map_or(UNDERLYING_STALE_NANOS, |(_, terms)| terms.underlying_stale),
        })
    }

    /// Volatility, delta, gamma, theta, vega and rho, raw units, at the close of a bar that
    /// ended `at`: from its own price and the underlying's at its last bar, `(price, end)`, with
    /// the rates and the yield that were told.
    pub fn greeks(&self, price: f64, at: UnixNanos, underlying: Option<(f64, UnixNanos)>) -> [Value; 6] {
        let Some(settings) = &self.settings else {
            // Without an underlying there is nobody to tell rates of.
            let why = underlying.map_or(Absence::NoUnderlying, |_| Absence::NoRate);
            return [Value::Absent(why); 6];
        };
        let solve = || {
            let (spot, seen) = underlying.ok_or(Unsolved::NoUnderlying)?;
            if at.nanos_since(seen) > self.underlying_stale {
                return Err(Unsolved::StaleUnderlying);
            }
            let time = years_to(self.close, at);
            if time <= 0.0 {
                return Err(Unsolved::Expired);
            }
            let rate = settings.curve.rate(time);
            let terms = if settings.on_future {
                Expiry::on_future(spot, rate, time)
            } else {
                Expiry::on_spot(spot, rate, settings.dividend_yield, time)
            };
            let (terms, lanes) = (terms.map_err(|_| Unsolved::BadInput)?, Lanes::detect());
            let sigma = terms.implied_volatility(lanes, self.strike, self.right, price)?;
            Ok((sigma, terms.greeks(lanes, self.strike, self.right, sigma)))
        };
        match solve() {
            Ok((sigma, greeks)) => values(sigma, |greek| greeks.get(greek)),
            Err(why) => [Value::Absent(why.into()); 6],
        }
    }
}

/// What an option's volatility and Greeks were computed from, to the bit.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    /// When trading in it ends.
    pub close: UnixNanos,
    /// Points of the curve of rates.
    pub rates: Arc<[(f64, f64)]>,
    /// The rest.
    pub basis: Basis,
}

/// Greeks of an option: volatility, delta, gamma, theta, vega, rho.
pub const GREEKS: usize = 6;

/// Values contracts anew from what they were computed from. What contracts of one expiry
/// share is computed once where they follow each other.
#[derive(Clone, Debug, Default)]
pub struct Valuer {
    last: Option<(Conditions, Expiry)>,
}

impl Valuer {
    /// The Greeks, as they were computed at first; absent where there are none.
    pub fn greeks(&mut self, basis: &Basis) -> Option<[Value; GREEKS]> {
        let expiry = match self.last {
            Some((conditions, expiry)) if conditions == basis.conditions => expiry,
            _ => {
                let expiry = basis.conditions.expiry().ok()?;
                self.last = Some((basis.conditions, expiry));
                expiry
            }
        };
        let (sigma, greeks) = basis.value(Lanes::detect(), &expiry).ok()?;
        Some(values(sigma, |greek| greeks.get(greek)))
    }
}

impl Valuation {
    /// That at a price of the underlying, at `now`, of a contract whose trading ends at `close`.
    pub fn conditions(
        rates: &[(f64, f64)],
        close: UnixNanos,
        now: UnixNanos,
        spot: f64,
        carry: Carry,
    ) -> Option<Conditions> {
        let time = years_to(close, now);
        let rate = Curve::new(rates).ok()?.rate(time);
        Some(Conditions {
            spot,
            rate,
            carry,
            time,
        })
    }
}

impl PriceValue {
    /// The price by which an option is valued: between bid and ask, else the last.
    pub fn option_price(&self) -> Option<f64> {
        let quote = Quote {
            bid: self.bid,
            ask: self.ask,
            last: Some(self.price),
            ..Quote::default()
        };
        quote.price().map(|(price, _)| price)
    }
}

/// A volatility and the Greeks at it.
pub(crate) fn values(sigma: f64, greek: impl Fn(Greek) -> Option<f64>) -> [Value; GREEKS] {
    let value = |which| greek(which).map_or(Value::Absent(Absence::Unsolvable), Value::number);
    [
        Value::number(sigma),
        value(Greek::Delta),
        value(Greek::Gamma),
        value(Greek::Theta),
        value(Greek::Vega),
        value(Greek::Rho),
    ]
}

pub(crate) fn valued(valued: &Valued) -> [Value; GREEKS] {
    match (valued.volatility, &valued.greeks) {
        (Ok(sigma), Some(greeks)) => values(sigma, |greek| greeks.get(greek)),
        (Ok(_), None) => [Value::Absent(Absence::Unsolvable); 6],
        (Err(why), _) => [Value::Absent(why.into()); 6],
    }
}

impl From<Unsolved> for Absence {
    fn from(why: Unsolved) -> Self {
        match why {
            Unsolved::BelowIntrinsic => Self::BelowIntrinsic,
            Unsolved::AtIntrinsic => Self::AtIntrinsic,
            Unsolved::AboveMax => Self::AboveMax,
            Unsolved::Expired => Self::Expired,
            Unsolved::NoUnderlying => Self::NoUnderlying,
            Unsolved::StaleUnderlying => Self::StaleUnderlying,
            Unsolved::BadInput => Self::Unsolvable,
        }
    }
}

/// A chain of contracts, each with its strike and the close of its last day.
///
/// # Errors
/// When it cannot be.
pub fn chain_of(
    contracts: impl Iterator<Item = (UnixNanos, f64)>,
    underlying: &InstrumentKey,
    terms: &ChainTerms,
) -> Result<Chain, ChainOfError> {
    Ok(Chain::new(contracts, terms.settings(underlying)?)?)
}

/// Why there is no chain.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ChainOfError {
    /// By what was told of it.
    #[error(transparent)]
    Terms(#[from] ChainTermsError),
    /// By its contracts.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// The underlying's price as a chain takes it: stale after `stale` nanoseconds.
pub fn underlying_at(seen: Option<(f64, UnixNanos)>, now: UnixNanos, stale: i64) -> Underlying {
    match seen {
        None => Underlying::Missing,
        Some((_, time)) if now.nanos_since(time) > stale => Underlying::Stale,
        Some((price, _)) => Underlying::Price(price),
    }
}

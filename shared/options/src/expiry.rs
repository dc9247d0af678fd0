//! What all contracts of one expiry share.

use crate::double::Double;
use crate::lanes::Real;

/// How the underlying is thought to move and to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// A share without dividends (Black and Scholes 1973).
    BlackScholes,
    /// A share with a continuous dividend yield (Merton 1973).
    BlackScholesMerton,
    /// A future (Black 1976).
    Black76,
}

impl Model {
    /// Every model.
    pub const ALL: [Self; 3] = [Self::BlackScholes, Self::BlackScholesMerton, Self::Black76];

    /// The short name: `BS`, `BSM`, `B76`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlackScholes => "BS",
            Self::BlackScholesMerton => "BSM",
            Self::Black76 => "B76",
        }
    }
}

/// The underlying, the rates and the time of one expiry, with everything that
/// its contracts share computed once.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    pub(crate) model: Model,
    pub(crate) terms: Terms<f64>,
    /// Spot times `e^(-yield time)`: the forward's present value.
    pub(crate) carried: Double,
    /// `e^(-rate time)`.
    pub(crate) discount: Double,
}

/// The numbers of an [`Expiry`], in one lane or in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<V> {
    pub(crate) forward: V,
    pub(crate) forward_low: V,
    pub(crate) carried: V,
    /// The same over sqrt(2 pi).
    pub(crate) carried_density: V,
    pub(crate) discount: V,
    pub(crate) inverse_spot: V,
    pub(crate) inverse_spot_squared: V,
    pub(crate) rate: V,
    /// What the underlying pays, per year; the rate itself for a future.
    pub(crate) payout: V,
    /// Rate less payout.
    pub(crate) carry: V,
    pub(crate) time: V,
    pub(crate) sqrt_time: V,
    /// 1 / (2 time).
    pub(crate) half_inverse_time: V,
    /// 1 / (2 sqrt(time)).
    pub(crate) half_inverse_sqrt_time: V,
    /// The time where rho holds the forward, 0 where it holds spot and yield.
    pub(crate) forward_time: V,
}

impl Terms<f64> {
    /// The same numbers in every lane.
    #[inline(always)]
    pub(crate) fn like<V: Real>(&self, lane: V) -> Terms<V> {
        Terms {
            forward: lane.like(self.forward),
            forward_low: lane.like(self.forward_low),
            carried: lane.like(self.carried),
            carried_density: lane.like(self.carried_density),
            discount: lane.like(self.discount),
            inverse_spot: lane.like(self.inverse_spot),
            inverse_spot_squared: lane.like(self.inverse_spot_squared),
            rate: lane.like(self.rate),
            payout: lane.like(self.payout),
            carry: lane.like(self.carry),
            time: lane.like(self.time),
            sqrt_time: lane.like(self.sqrt_time),
            half_inverse_time: lane.like(self.half_inverse_time),
            half_inverse_sqrt_time: lane.like(self.half_inverse_sqrt_time),
            forward_time: lane.like(self.forward_time),
        }
    }
}

/// Why there is no [`Expiry`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ExpiryError {
    /// A price of the underlying that is none.
    #[error("the underlying's price is {0}: give a number above 0")]
    Underlying(f64),
    /// A rate or yield that is no number.
    #[error("{name} is {value}: give a number per year, such as 0.05")]
    Rate {
        /// Which.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// A time before expiry that is none.
    #[error("the time to expiry is {0} years: give a number not below 0")]
    Time(f64),
    /// Growth beyond what a double holds.
    #[error("rate times time is beyond what can be computed: give the time in years and the rate per year")]
    Growth,
}

/// The most that rate times time may be, either way.
const GROWTH_MAX: f64 = 600.0;

impl Expiry {
    /// Options on a share or index at `spot`. `rate` and `dividend_yield` are
    /// continuous, per year; `time` in years of 365 days.
    ///
    /// # Errors
    /// When a number is none, or out of its bounds.
    pub fn on_spot(spot: f64, rate: f64, dividend_yield: f64, time: f64) -> Result<Self, ExpiryError> {
        let carried = exponential(-dividend_yield, time)?.times(spot);
        let discount = exponential(-rate, time)?;
        let forward = carried.ratio(discount);
        Self::build(
            Model::BlackScholesMerton,
            spot,
            forward,
            [carried, discount],
            (rate, dividend_yield),
            time,
        )
    }

    /// Options on a share without dividends.
    ///
    /// # Errors
    /// When a number is none, or out of its bounds.
    pub fn without_dividends(spot: f64, rate: f64, time: f64) -> Result<Self, ExpiryError> {
        let expiry = Self::on_spot(spot, rate, 0.0, time)?;
        Ok(Self {
            model: Model::BlackScholes,
            ..expiry
        })
    }

    /// Options on a future at `forward`: Black 1976. Greeks are with respect
    /// to the future's price, and rho holds it.
    ///
    /// # Errors
    /// When a number is none, or out of its bounds.
    pub fn on_future(forward: f64, rate: f64, time: f64) -> Result<Self, ExpiryError> {
        let discount = exponential(-rate, time)?;
        Self::build(
            Model::Black76,
            forward,
            Double::of(forward),
            [discount.times(forward), discount],
            (rate, rate),
            time,
        )
    }

    /// Options whose `forward` is known, as fitted to a chain, on an
    /// underlying at `spot`: the yield is the one that leads from one to the
    /// other. Greeks are with respect to spot.
    ///
    /// # Errors
    /// When a number is none, or out of its bounds.
    pub fn fitted(spot: f64, forward: f64, rate: f64, time: f64) -> Result<Self, ExpiryError> {
        let is_price = |price: f64| price.is_normal() && price > 0.0;
        if !is_price(spot) || !is_price(forward) {
            return Err(ExpiryError::Underlying(if is_price(spot) {
                forward
            } else {
                spot
            }));
        }
        let discount = exponential(-rate, time)?;
        let dividend_yield = if time > 0.0 {
            rate - crate::functions::ln_ratio(forward, 0.0, spot) / time
        } else {
            0.0
        };
        Self::build(
            Model::BlackScholesMerton,
            spot,
            Double::of(forward),
            [discount.times(forward), discount],
            (rate, dividend_yield),
            time,
        )
    }

    /// By the model's name; `dividend_yield` is read for [`Model::BlackScholesMerton`] only.
    ///
    /// # Errors
    /// When a number is none, or out of its bounds.
    pub fn of_model(
        model: Model,
        underlying: f64,
        rate: f64,
        dividend_yield: f64,
        time: f64,
    ) -> Result<Self, ExpiryError> {
        match model {
            Model::BlackScholes => Self::without_dividends(underlying, rate, time),
            Model::BlackScholesMerton => Self::on_spot(underlying, rate, dividend_yield, time),
            Model::Black76 => Self::on_future(underlying, rate, time),
        }
    }

    fn build(
        model: Model,
        spot: f64,
        forward: Double,
        [carried, discount]: [Double; 2],
        (rate, payout): (f64, f64),
        time: f64,
    ) -> Result<Self, ExpiryError> {
        let is_price = |price: f64| price.is_normal() && price > 0.0;
        if !is_price(spot) {
            return Err(ExpiryError::Underlying(spot));
        }
        if !is_price(forward.high) || !is_price(carried.high) {
            return Err(ExpiryError::Growth);
        }
        let sqrt_time = time.sqrt();
        let terms = Terms {
            forward: forward.high,
            forward_low: forward.low,
            carried: carried.high,
            carried_density: carried.high * crate::functions::INVERSE_SQRT_TAU,
            discount: discount.high,
            inverse_spot: 1.0 / spot,
            inverse_spot_squared: 1.0 / spot / spot,
            rate,
            payout,
            carry: rate - payout,
            time,
            sqrt_time,
            half_inverse_time: 0.5 / time,
            half_inverse_sqrt_time: 0.5 / sqrt_time,
            forward_time: if model == Model::Black76 { time } else { 0.0 },
        };
        Ok(Self {
            model,
            terms,
            carried,
            discount,
        })
    }

    /// The model.
    pub fn model(&self) -> Model {
        self.model
    }

    /// The forward price.
    pub fn forward(&self) -> f64 {
        self.terms.forward
    }

    /// `e^(-rate time)`.
    pub fn discount(&self) -> f64 {
        self.discount.high
    }

    /// Years of 365 days.
    pub fn time(&self) -> f64 {
        self.terms.time
    }

    /// Continuous, per year.
    pub fn rate(&self) -> f64 {
        self.terms.rate
    }
}

fn checked(name: &'static str, rate: f64, time: f64) -> Result<(), ExpiryError> {
    if !(time >= 0.0 && time.is_finite()) {
        return Err(ExpiryError::Time(time));
    }
    if !rate.is_finite() {
        return Err(ExpiryError::Rate { name, value: rate });
    }
    if (rate * time).abs() > GROWTH_MAX {
        return Err(ExpiryError::Growth);
    }
    Ok(())
}

fn exponential(rate: f64, time: f64) -> Result<Double, ExpiryError> {
    checked("the rate or yield", rate, time)?;
    Ok(Double::product(rate, time).exp())
}

//! Price and sensitivities.
//!
//! With `W = S e^(-yt) n(d1) = K e^(-rt) n(d2)`, `P1` and `P2` the two parts of
//! the price, everything follows by multiplication: one exponential, two
//! Mills' ratios and one logarithm a contract. Formulas: Haug, The Complete
//! Guide to Option Pricing Formulas, 2nd edition, chapter 2.

use tickwire_market::Right;

use crate::expiry::{Expiry, Model, Terms};
use crate::functions::{INVERSE_SQRT_TAU, exp, ln_ratio, mills};
use crate::lanes::{Lanes, Real, on_lanes};

/// The price and its sensitivities, in the order of every table.
///
/// Raw units: prices in the option's currency, per year, per 1.00 of
/// volatility, per 1.00 of rate. Charm, veta and color are for calendar time
/// that passes: the negative derivative by time to expiry, as theta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Greek {
    /// The discounted value V.
    Price,
    /// dV/dS; by the future's price for Black 1976, so it holds e^(-rt).
    Delta,
    /// d2V/dS2.
    Gamma,
    /// -dV/dt, per year.
    Theta,
    /// dV/dsigma, per 1.00 of volatility.
    Vega,
    /// dV/dr, per 1.00 of rate. Black 1976 holds the future's price.
    Rho,
    /// d2V/dS dsigma.
    Vanna,
    /// d2V/dsigma2.
    Volga,
    /// -d2V/dS dt, per year.
    Charm,
    /// -d2V/dsigma dt, per year.
    Veta,
    /// d3V/dS3.
    Speed,
    /// d3V/dS2 dsigma.
    Zomma,
    /// -d3V/dS2 dt, per year.
    Color,
    /// d3V/dsigma3.
    Ultima,
    /// dV/dK.
    DualDelta,
    /// d2V/dK2.
    DualGamma,
    /// dV/dyield, per 1.00 of yield; of Black-Scholes-Merton only.
    Epsilon,
}

impl Greek {
    /// The price and every sensitivity.
    pub const ALL: [Self; 17] = [
        Self::Price,
        Self::Delta,
        Self::Gamma,
        Self::Theta,
        Self::Vega,
        Self::Rho,
        Self::Vanna,
        Self::Volga,
        Self::Charm,
        Self::Veta,
        Self::Speed,
        Self::Zomma,
        Self::Color,
        Self::Ultima,
        Self::DualDelta,
        Self::DualGamma,
        Self::Epsilon,
    ];
    /// How many: the price and 16 sensitivities.
    pub const COUNT: usize = Self::ALL.len();
    /// The price and the five that everybody asks for come first.
    pub const FIRST: usize = 6;

    /// The name, as in columns of tables.
    pub fn as_str(self) -> &'static str {
        const NAMES: [&str; Greek::COUNT] = [
            "price",
            "delta",
            "gamma",
            "theta",
            "vega",
            "rho",
            "vanna",
            "volga",
            "charm",
            "veta",
            "speed",
            "zomma",
            "color",
            "ultima",
            "dual_delta",
            "dual_gamma",
            "epsilon",
        ];
        NAMES[self as usize]
    }

    /// What a raw value is multiplied by to be in traders' units: per calendar
    /// day of 365 a year, per point of volatility, per point of rate or yield.
    pub fn trader_factor(self) -> f64 {
        const DAY: f64 = 1.0 / 365.0;
        const POINT: f64 = 0.01;
        match self {
            Self::Theta | Self::Charm | Self::Color => DAY,
            Self::Vega | Self::Rho | Self::Vanna | Self::Zomma | Self::Epsilon => POINT,
            Self::Volga => POINT * POINT,
            Self::Ultima => POINT * POINT * POINT,
            Self::Veta => POINT * DAY,
            _ => 1.0,
        }
    }
}

/// Price and sensitivities of one contract, in raw units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greeks([f64; Greek::COUNT]);

impl Greeks {
    /// The value, if there is one: none has any where an input is no number,
    /// and at the strike with no time or volatility left some have none.
    pub fn get(&self, greek: Greek) -> Option<f64> {
        Some(self.0[greek as usize]).filter(|value| value.is_finite())
    }
}

/// +1 for a call, -1 for a put, as columns hold it.
pub(crate) fn sign(right: Right) -> f64 {
    match right {
        Right::Call => 1.0,
        Right::Put => -1.0,
    }
}

/// What price and sensitivities are made of.
#[derive(Clone, Copy)]
pub(crate) struct Parts<V> {
    strike: V,
    sigma: V,
    /// 1 / (sigma sqrt(time)).
    inverse_deviation: V,
    d1: V,
    d2: V,
    /// S e^(-yt) n(d1), which is K e^(-rt) n(d2).
    weight: V,
    /// +-S e^(-yt) N(+-d1), and with that sign the delta's.
    underlying_part: V,
    /// +-K e^(-rt) N(+-d2).
    strike_part: V,
}

/// What both rights share: everything but the sides.
#[inline(always)]
fn centre<V: Real>(terms: &Terms<V>, strike: V, sigma: V) -> (Parts<V>, V, V) {
    let half = strike.like(0.5);
    let log_moneyness = ln_ratio(terms.forward, terms.forward_low, strike);
    let deviation = sigma * terms.sqrt_time;
    let inverse_deviation = strike.like(1.0) / deviation;
    let middle = log_moneyness * inverse_deviation;
    let d1 = deviation.fma(half, middle);
    let d2 = deviation.fma(-half, middle);
    let weight = terms.carried_density * exp(d1 * d1 * -half);
    let parts = Parts {
        strike,
        sigma,
        inverse_deviation,
        d1,
        d2,
        weight,
        underlying_part: terms.carried,
        strike_part: strike * terms.discount,
    };
    (parts, weight * mills(d1.abs()), weight * mills(d2.abs()))
}

/// The part `sign N(sign d)` of `whole`.
#[inline(always)]
fn side<V: Real>(whole: V, tail: V, d: V, sign: V) -> V {
    V::pick(d.flip(sign).below(d.like(0.0)), tail, whole - tail).flip(sign)
}

#[inline(always)]
pub(crate) fn parts<V: Real>(terms: &Terms<V>, strike: V, sign: V, sigma: V) -> Parts<V> {
    let (mut parts, tail1, tail2) = centre(terms, strike, sigma);
    parts.underlying_part = side(parts.underlying_part, tail1, parts.d1, sign);
    parts.strike_part = side(parts.strike_part, tail2, parts.d2, sign);
    parts
}

/// Of the call and of the put.
#[inline(always)]
pub(crate) fn both<V: Real>(terms: &Terms<V>, strike: V, sigma: V) -> [Parts<V>; 2] {
    let (centre, tail1, tail2) = centre(terms, strike, sigma);
    let (call, put) = (strike.like(1.0), strike.like(-1.0));
    let mut of = [centre, centre];
    of[0].underlying_part = side(centre.underlying_part, tail1, centre.d1, call);
    of[0].strike_part = side(centre.strike_part, tail2, centre.d2, call);
    of[1].underlying_part = side(centre.underlying_part, tail1, centre.d1, put);
    of[1].strike_part = side(centre.strike_part, tail2, centre.d2, put);
    of
}

/// Price, delta, gamma, theta, vega, rho.
#[inline(always)]
pub(crate) fn first<V: Real>(terms: &Terms<V>, parts: &Parts<V>) -> [V; Greek::FIRST] {
    let weight = parts.weight;
    let (underlying, strike) = (parts.underlying_part, parts.strike_part);
    let decay = weight * (parts.sigma * terms.half_inverse_sqrt_time);
    [
        underlying - strike,
        underlying * terms.inverse_spot,
        weight * (parts.inverse_deviation * terms.inverse_spot_squared),
        terms.payout.fma(underlying, -terms.rate.fma(strike, decay)),
        weight * terms.sqrt_time,
        terms.time.fma(strike, -(terms.forward_time * underlying)),
    ]
}

#[inline(always)]
pub(crate) fn all<V: Real>(terms: &Terms<V>, parts: &Parts<V>) -> [V; Greek::COUNT] {
    let [price, delta, gamma, theta, vega, rho] = first(terms, parts);
    let Parts { d1, d2, .. } = *parts;
    let one = d1.like(1.0);
    let inverse_sigma = parts.inverse_deviation * terms.sqrt_time;
    let inverse_strike = one / parts.strike;
    let product = d1 * d2;
    // d(d1)/dt, and what the time of vega and gamma shares.
    let drift = terms
        .carry
        .fma(parts.inverse_deviation, -(d2 * terms.half_inverse_time));
    let shared = d1.fma(drift, terms.payout);
    let slope = parts.weight * terms.inverse_spot;
    let squares = d1.fma(d1, d2 * d2);
    [
        price,
        delta,
        gamma,
        theta,
        vega,
        rho,
        -(slope * d2 * inverse_sigma),
        vega * product * inverse_sigma,
        terms.payout.fma(delta, -(slope * drift)),
        vega * (shared - terms.half_inverse_time),
        -(gamma * terms.inverse_spot * d1.fma(parts.inverse_deviation, one)),
        gamma * (product - one) * inverse_sigma,
        gamma * (shared + terms.half_inverse_time),
        vega * (inverse_sigma * inverse_sigma) * product.fma(product - one, -squares),
        -(parts.strike_part * inverse_strike),
        parts.weight * parts.inverse_deviation * (inverse_strike * inverse_strike),
        -(terms.time * parts.underlying_part),
    ]
}

/// The limit with no time or no volatility left; NaN where there is none.
fn limit(expiry: &Expiry, strike: f64, sign: f64) -> [f64; Greek::COUNT] {
    let terms = &expiry.terms;
    let ahead = sign * ((terms.forward - strike) + terms.forward_low);
    let in_the_money = if ahead > 0.0 {
        1.0
    } else if ahead < 0.0 {
        0.0
    } else {
        0.5
    };
    let is_at_strike = in_the_money == 0.5;
    let underlying = terms.carried * in_the_money;
    let strike_part = strike * terms.discount * in_the_money;
    let mut values = [if is_at_strike { f64::NAN } else { 0.0 }; Greek::COUNT];
    let mut set = |greek: Greek, value: f64| values[greek as usize] = value;
    let intrinsic = sign * (expiry.carried.minus(expiry.discount.times(strike))).high;
    set(Greek::Price, if ahead > 0.0 { intrinsic } else { 0.0 });
    set(Greek::Delta, sign * underlying * terms.inverse_spot);
    set(
        Greek::Rho,
        sign * (terms.time * strike_part - terms.forward_time * underlying),
    );
    set(Greek::DualDelta, -sign * terms.discount * in_the_money);
    set(Greek::Epsilon, -sign * terms.time * underlying);
    if is_at_strike {
        if terms.time > 0.0 {
            set(Greek::Vega, terms.carried * INVERSE_SQRT_TAU * terms.sqrt_time);
        }
    } else {
        set(
            Greek::Theta,
            sign * (terms.payout * underlying - terms.rate * strike_part),
        );
        set(
            Greek::Charm,
            terms.payout * sign * underlying * terms.inverse_spot,
        );
    }
    values
}

/// Whether the closed form gave a value; else there is a limit, or nothing.
pub(crate) fn is_ordinary(expiry: &Expiry, sigma: f64, theta: f64) -> bool {
    sigma * expiry.terms.sqrt_time > 0.0 && theta < f64::INFINITY
}

pub(crate) fn beyond_closed_form(expiry: &Expiry, strike: f64, sign: f64, sigma: f64) -> [f64; Greek::COUNT] {
    let is_deviation = (0.0..f64::INFINITY).contains(&sigma);
    if is_deviation && strike.is_normal() && strike > 0.0 {
        limit(expiry, strike, sign)
    } else {
        [f64::NAN; Greek::COUNT]
    }
}

impl Expiry {
    /// Price and sensitivities of one contract; `sigma` per sqrt(year). The
    /// same bits as [`GreekColumns`](crate::GreekColumns) has. About 50 ns.
    pub fn greeks(&self, lanes: Lanes, strike: f64, right: Right, sigma: f64) -> Greeks {
        let sign = sign(right);
        let is_strike = strike.is_normal() && strike > 0.0;
        let mut values = on_lanes!(lanes, simd => {
            let _ = simd;
            all(&self.terms, &parts(&self.terms, strike, sign, sigma))
        });
        if !is_strike || !is_ordinary(self, sigma, values[Greek::Theta as usize]) {
            values = beyond_closed_form(self, strike, sign, sigma);
        }
        if self.model != Model::BlackScholesMerton {
            values[Greek::Epsilon as usize] = f64::NAN;
        }
        Greeks(values)
    }
}

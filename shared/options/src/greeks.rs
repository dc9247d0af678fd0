//! Price and sensitivities.
//!
//! With `W = S e^(-yt) n(d1) = K e^(-rt) n(d2)`, `P1` and `P2` the two parts of
//! the price, everything follows by multiplication: one exponential, two
//! Mills' ratios and one logarithm a contract. Formulas: Haug, The Complete
//! Guide to Option Pricing Formulas, 2nd edition, chapter 2.

use std::cell::Cell;
use std::ops::Range;

use tickwire_market::Right;

use crate::expiry::{Expiry, Model, Terms};
use crate::functions::{INVERSE_SQRT_TAU, exp, ln_ratio, mills};
use crate::lanes::{Lanes, Real, map_rows, on_lanes};

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
struct Parts<V> {
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
fn parts<V: Real>(terms: &Terms<V>, strike: V, sign: V, sigma: V) -> Parts<V> {
    let (mut parts, tail1, tail2) = centre(terms, strike, sigma);
    parts.underlying_part = side(parts.underlying_part, tail1, parts.d1, sign);
    parts.strike_part = side(parts.strike_part, tail2, parts.d2, sign);
    parts
}

/// Of the call and of the put.
#[inline(always)]
fn both<V: Real>(terms: &Terms<V>, strike: V, sigma: V) -> [Parts<V>; 2] {
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
fn first<V: Real>(terms: &Terms<V>, parts: &Parts<V>) -> [V; Greek::FIRST] {
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
fn all<V: Real>(terms: &Terms<V>, parts: &Parts<V>) -> [V; Greek::COUNT] {
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
fn is_ordinary(expiry: &Expiry, sigma: f64, theta: f64) -> bool {
    sigma * expiry.terms.sqrt_time > 0.0 && theta < f64::INFINITY
}

fn beyond_closed_form(expiry: &Expiry, strike: f64, sign: f64, sigma: f64) -> [f64; Greek::COUNT] {
    let is_deviation = (0.0..f64::INFINITY).contains(&sigma);
    if is_deviation && strike.is_normal() && strike > 0.0 {
        limit(expiry, strike, sign)
    } else {
        [f64::NAN; Greek::COUNT]
    }
}

impl Expiry {
    /// Price and sensitivities of one contract; `sigma` per sqrt(year). The
    /// same bits as [`GreekColumns`] has. About 50 ns.
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

/// Columns of price and sensitivities: the first `N` of [`Greek::ALL`]. They
/// are kept between passes, so that a chain that does not grow allocates
/// nothing.
#[derive(Clone, Debug)]
pub struct GreekColumns<const N: usize> {
    columns: [Vec<f64>; N],
}

/// Price, delta, gamma, theta, vega, rho.
pub type FirstGreeks = GreekColumns<{ Greek::FIRST }>;
/// The price and all 16.
pub type AllGreeks = GreekColumns<{ Greek::COUNT }>;

impl<const N: usize> Default for GreekColumns<N> {
    fn default() -> Self {
        Self {
            columns: std::array::from_fn(|_| Vec::new()),
        }
    }
}

impl<const N: usize> GreekColumns<N> {
    /// The column in raw units, NaN where there is no value; empty for a greek
    /// that these columns do not hold.
    pub fn column(&self, greek: Greek) -> &[f64] {
        self.columns.get(greek as usize).map_or(&[], Vec::as_slice)
    }

    /// The value of a contract, if there is one.
    pub fn get(&self, greek: Greek, row: usize) -> Option<f64> {
        let value = self.column(greek).get(row).copied();
        value.filter(|value| value.is_finite())
    }

    /// Contracts of the last pass.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Makes room for `rows` contracts.
    pub fn resize(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.resize(rows, f64::NAN);
        }
    }

    fn slices(&mut self, from: usize, rows: usize) -> [&mut [f64]; N] {
        self.columns
            .each_mut()
            .map(|column| column.get_mut(from..from + rows).unwrap_or_default())
    }

    #[cold]
    fn mend(&mut self, expiry: &Expiry, from: usize, contracts: Contracts<'_>, sigmas: &[f64]) {
        let rows = contracts.strikes.iter().zip(contracts.signs).zip(sigmas);
        for (row, ((&strike, &sign), &sigma)) in rows.enumerate() {
            let theta = self.columns[Greek::Theta as usize][from + row];
            if !is_ordinary(expiry, sigma, theta) {
                let values = beyond_closed_form(expiry, strike, sign, sigma);
                for (column, value) in self.columns.iter_mut().zip(values) {
                    column[from + row] = value;
                }
            }
        }
    }
}

/// Strikes and rights of contracts, as columns.
#[derive(Clone, Debug, Default)]
pub struct ContractColumns {
    strikes: Vec<f64>,
    signs: Vec<f64>,
}

/// A strike that is none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the strike is {0}: give a number above 0")]
pub struct StrikeError(pub f64);

impl ContractColumns {
    /// Adds a contract as the last row.
    ///
    /// # Errors
    /// When the strike is no number above 0.
    pub fn push(&mut self, strike: f64, right: Right) -> Result<(), StrikeError> {
        if !(strike.is_normal() && strike > 0.0) {
            return Err(StrikeError(strike));
        }
        self.strikes.push(strike);
        self.signs.push(sign(right));
        Ok(())
    }

    /// How many.
    pub fn rows(&self) -> usize {
        self.strikes.len()
    }

    pub(crate) fn set_right(&mut self, row: usize, right: Right) {
        if let Some(at) = self.signs.get_mut(row) {
            *at = sign(right);
        }
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.strikes.clear();
        self.signs.clear();
    }

    /// Those of some rows; none where there are no such rows.
    pub fn rows_of(&self, rows: Range<usize>) -> Contracts<'_> {
        Contracts {
            strikes: self.strikes.get(rows.clone()).unwrap_or_default(),
            signs: self.signs.get(rows).unwrap_or_default(),
        }
    }

    /// All of them.
    pub fn all(&self) -> Contracts<'_> {
        self.rows_of(0..self.rows())
    }
}

/// Contracts of one expiry, out of [`ContractColumns`].
#[derive(Clone, Copy, Debug)]
pub struct Contracts<'a> {
    pub(crate) strikes: &'a [f64],
    pub(crate) signs: &'a [f64],
}

impl<'a> Contracts<'a> {
    /// Their strikes.
    pub fn strikes(self) -> &'a [f64] {
        self.strikes
    }

    /// +1 for each call, -1 for each put.
    pub fn signs(self) -> &'a [f64] {
        self.signs
    }
}

/// Contracts with no volatility are computed as if, and mended after.
const PADDING: [f64; 3] = [1.0; 3];

macro_rules! compute {
    ($columns:ident, $lanes:ident, $expiry:ident, $contracts:ident, $sigmas:ident, $from:ident, $formula:ident) => {{
        let rows = $contracts.strikes.len();
        let odd = Cell::new(false);
        let terms = &$expiry.terms;
        let inputs = [$contracts.strikes, $contracts.signs, $sigmas];
        let outputs = $columns.slices($from, rows);
        on_lanes!($lanes, simd => map_rows(simd, inputs, outputs, PADDING, #[inline(always)] |[strike, sign, sigma]| {
            let terms = terms.like(strike);
            let values = $formula(&terms, &parts(&terms, strike, sign, sigma));
            if !is_sound(sigma * terms.sqrt_time, values[Greek::Theta as usize]) {
                odd.set(true);
            }
            values
        }));
        if odd.get() {
            $columns.mend($expiry, $from, $contracts, $sigmas);
        }
    }};
}

/// Whether the closed form gave values in all lanes.
#[inline(always)]
fn is_sound<V: Real>(deviation: V, theta: V) -> bool {
    V::all(V::both(
        deviation.like(0.0).below(deviation),
        theta.below(theta.like(f64::INFINITY)),
    ))
}

impl FirstGreeks {
    /// Computes the rows from `from` on, as many as there are contracts; there
    /// must be room for them (see [`resize`](Self::resize)).
    pub fn compute(
        &mut self,
        lanes: Lanes,
        expiry: &Expiry,
        contracts: Contracts<'_>,
        sigmas: &[f64],
        from: usize,
    ) {
        compute!(self, lanes, expiry, contracts, sigmas, from, first);
    }
}

/// Both rights of strikes of one expiry: what a chain needs, for the work of
/// one right.
#[derive(Clone, Debug, Default)]
pub struct PairColumns {
    columns: [Vec<f64>; PAIR],
}

/// Price, delta, theta and rho of calls and of puts, gamma, vega.
const PAIR: usize = 10;
/// Where the columns of [`PairColumns`] are: of calls, puts.
const PAIR_OF: [[usize; Greek::FIRST]; 2] = [[0, 1, 8, 2, 9, 3], [4, 5, 8, 6, 9, 7]];

impl PairColumns {
    /// Makes room for `rows` strikes.
    pub fn resize(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.resize(rows, f64::NAN);
        }
    }

    pub(crate) fn blank(&mut self) {
        for column in &mut self.columns {
            column.fill(f64::NAN);
        }
    }

    /// The column in raw units, NaN where there is no value. Empty for what is
    /// beyond the first six of [`Greek::ALL`].
    pub fn column(&self, right: Right, greek: Greek) -> &[f64] {
        let side = &PAIR_OF[usize::from(right == Right::Put)];
        side.get(greek as usize).map_or(&[], |at| &self.columns[*at])
    }

    /// The value at a strike, if there is one.
    pub fn get(&self, right: Right, greek: Greek, row: usize) -> Option<f64> {
        let value = self.column(right, greek).get(row).copied();
        value.filter(|value| value.is_finite())
    }

    /// Computes the rows from `from` on, as many as there are strikes, which
    /// must be above 0; there must be room for them (see
    /// [`resize`](Self::resize)). The same bits as one by one.
    pub fn compute(&mut self, lanes: Lanes, expiry: &Expiry, strikes: &[f64], sigmas: &[f64], from: usize) {
        let rows = strikes.len();
        let odd = Cell::new(false);
        let terms = &expiry.terms;
        let outputs = self
            .columns
            .each_mut()
            .map(|column| column.get_mut(from..from + rows).unwrap_or_default());
        on_lanes!(lanes, simd => map_rows(simd, [strikes, sigmas], outputs, [1.0; 2], #[inline(always)] |[strike, sigma]| {
            let terms = terms.like(strike);
            let [call, put] = both(&terms, strike, sigma);
            let ([price, delta, gamma, theta, vega, rho], other) = (first(&terms, &call), first(&terms, &put));
            if !is_sound(sigma * terms.sqrt_time, theta) {
                odd.set(true);
            }
            [price, delta, theta, rho, other[0], other[1], other[3], other[5], gamma, vega]
        }));
        if odd.get() {
            self.mend(expiry, strikes, sigmas, from);
        }
    }

    #[cold]
    fn mend(&mut self, expiry: &Expiry, strikes: &[f64], sigmas: &[f64], from: usize) {
        for (row, (&strike, &sigma)) in strikes.iter().zip(sigmas).enumerate() {
            let theta = self.columns[PAIR_OF[0][Greek::Theta as usize]][from + row];
            if is_ordinary(expiry, sigma, theta) {
                continue;
            }
            for (side, sign) in PAIR_OF.iter().zip([1.0, -1.0]) {
                let values = beyond_closed_form(expiry, strike, sign, sigma);
                for (at, value) in side.iter().zip(values) {
                    self.columns[*at][from + row] = value;
                }
            }
        }
    }
}

impl AllGreeks {
    /// Computes the rows from `from` on, as many as there are contracts; there
    /// must be room for them (see [`resize`](Self::resize)).
    pub fn compute(
        &mut self,
        lanes: Lanes,
        expiry: &Expiry,
        contracts: Contracts<'_>,
        sigmas: &[f64],
        from: usize,
    ) {
        compute!(self, lanes, expiry, contracts, sigmas, from, all);
        if expiry.model != Model::BlackScholesMerton {
            let rows = contracts.strikes.len();
            self.columns[Greek::Epsilon as usize][from..from + rows].fill(f64::NAN);
        }
    }
}

//! Columns of prices and sensitivities.

use std::cell::Cell;

use tickwire_market::Right;

use crate::contracts::Contracts;
use crate::expiry::{Expiry, Model};
use crate::greeks::{Greek, all, beyond_closed_form, both, first, is_ordinary, parts};
use crate::lanes::{Lanes, Real, map_rows, on_lanes};

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

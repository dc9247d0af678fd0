//! Option chains: quotes in, volatilities, Greeks and analytics out, a whole
//! chain in one pass that allocates nothing once its columns have grown.

use tickwire_market::{Right, UnixNanos};

use crate::analytics::{Analytics, Arbitrage};
use crate::basis::{Basis, Carry, Conditions};
use crate::columns::PairColumns;
use crate::contracts::{ContractColumns, StrikeError};
use crate::curve::Curve;
use crate::expiry::Expiry;
use crate::forward::{Forward, ParityPoint, fit_forward};
use crate::functions::ln_ratio;
use crate::greeks::{Greek, Greeks};
use crate::implied_volatility::{ImpliedColumns, Unsolved};
use crate::lanes::Lanes;
use crate::smile::Smile;
use crate::time::years_to;

/// What is known of the underlying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Underlying {
    /// Its price.
    Price(f64),
    /// It never had one.
    Missing,
    /// Its last price is too old.
    Stale,
}

/// Whether options may be exercised before expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exercise {
    /// At expiry only.
    #[default]
    European,
    /// At any time. Values are those of European options and are flagged: out
    /// of the money the volatility is off by little, in the money by more.
    American,
}

/// How a chain is valued.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Rates by time to expiry.
    pub curve: Curve,
    /// Continuous yield per year, for the forward where no strike has both prices.
    pub dividend_yield: f64,
    /// Whether the underlying is a future: then Greeks are with respect to it,
    /// and its price is the forward.
    pub on_future: bool,
    /// Exercise.
    pub exercise: Exercise,
    /// What trading one option costs, in the option's currency; an arbitrage
    /// must bring more.
    pub cost: f64,
}

/// What is quoted for a contract; what is too old is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quote {
    /// Best bid.
    pub bid: Option<f64>,
    /// Best ask.
    pub ask: Option<f64>,
    /// Last trade.
    pub last: Option<f64>,
    /// Contracts traded today.
    pub volume: Option<f64>,
    /// Open contracts.
    pub open_interest: Option<f64>,
}

impl Quote {
    /// The price to value with: between bid and ask where both are there and
    /// not crossed, else the last one.
    pub fn price(&self) -> Option<(f64, PriceSource)> {
        let is_price = |price: &f64| price.is_finite() && *price >= 0.0;
        match (self.bid.filter(is_price), self.ask.filter(is_price)) {
            (Some(bid), Some(ask)) if bid <= ask && ask > 0.0 => Some((0.5 * (bid + ask), PriceSource::Mid)),
            _ => self.last.filter(is_price).map(|last| (last, PriceSource::Last)),
        }
    }

    /// Ask less bid, where the price is between them.
    pub fn spread(&self) -> Option<f64> {
        match self.price()? {
            (_, PriceSource::Mid) => Some(self.ask? - self.bid?),
            (_, PriceSource::Last) => None,
        }
    }
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// Between bid and ask.
    Mid,
    /// The last trade.
    Last,
}

/// A contract of a chain: its slice, its row there, its right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which expiry, in order of time.
    pub slice: usize,
    /// Which strike, in order.
    pub row: usize,
    /// Call or put.
    pub right: Right,
}

/// Why there is no such chain.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// A strike that is none.
    #[error(transparent)]
    Strike(#[from] StrikeError),
    /// More contracts than a chain may have.
    #[error("the chain has {contracts} contracts, at most {}", contracts_max)]
    TooLarge {
        /// How many.
        contracts: usize,
    },
}

/// Contracts of a chain.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const contracts_max: usize = 4_000_000;

/// The contracts of one expiry.
#[derive(Clone, Debug)]
pub struct Slice {
    /// When trading ends.
    close: UnixNanos,
    strikes: Vec<f64>,
    quotes: [Vec<Quote>; 2],
    /// The side that each strike is solved on.
    contracts: ContractColumns,
    prices: Vec<f64>,
    sources: Vec<Option<(Right, PriceSource)>>,
    implied: ImpliedColumns,
    greeks: PairColumns,
    smile: Option<Smile>,
    fitted: Vec<f64>,
    theoretical: PairColumns,
    terms: Option<Expiry>,
    /// Years to expiry at the last pass.
    years: f64,
    /// Why the last pass valued nothing.
    unvalued: Option<Unsolved>,
    /// What the underlying pays a year, as the last pass found it.
    carry: Option<f64>,
    forward: Option<Forward>,
    analytics: Analytics,
    arbitrages: Vec<Arbitrage>,
}

/// Option contracts of one underlying, by expiry and strike.
#[derive(Clone, Debug)]
pub struct Chain {
    settings: Settings,
    lanes: Lanes,
    slices: Vec<Slice>,
    /// The underlying's price at the last pass.
    spot: Option<f64>,
}

/// What one contract is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Valued {
    /// Per sqrt(year), or why there is none.
    pub volatility: Result<f64, Unsolved>,
    /// Price and sensitivities at that volatility, raw units.
    pub greeks: Option<Greeks>,
    /// Where the price comes from.
    pub source: Option<PriceSource>,
    /// What both follow from; absent where nothing could be solved for.
    pub basis: Option<Basis>,
}

fn side(right: Right) -> usize {
    usize::from(right == Right::Put)
}

impl Chain {
    /// A chain of contracts (close of trading on the day of expiry, strike);
    /// both rights of each are there, quoted or not.
    ///
    /// # Errors
    /// When a strike is none, or there are too many.
    pub fn new(
        contracts: impl IntoIterator<Item = (UnixNanos, f64)>,
        settings: Settings,
    ) -> Result<Self, ChainError> {
        let mut all: Vec<_> = contracts.into_iter().collect();
        if all.len() > contracts_max {
            return Err(ChainError::TooLarge { contracts: all.len() });
        }
        all.sort_by(|(a, left), (b, right)| a.cmp(b).then(left.total_cmp(right)));
        all.dedup();
        let mut slices = Vec::new();
        for of_expiry in all.chunk_by(|(a, _), (b, _)| a == b) {
            slices.push(Slice::new(of_expiry)?);
        }
        Ok(Self {
            settings,
            lanes: Lanes::detect(),
            slices,
            spot: None,
        })
    }

    /// Where a contract is; look it up once and keep it.
    pub fn place(&self, close: UnixNanos, strike: f64, right: Right) -> Option<Place> {
        let slice = self
            .slices
            .binary_search_by_key(&close, |slice| slice.close)
            .ok()?;
        let strikes = &self.slices[slice].strikes;
        let row = strikes.binary_search_by(|at| at.total_cmp(&strike)).ok()?;
        Some(Place { slice, row, right })
    }

    /// Takes what is quoted for a contract now.
    pub fn quote(&mut self, place: Place, quote: Quote) {
        let slice = self.slices.get_mut(place.slice);
        if let Some(at) = slice.and_then(|slice| slice.quotes[side(place.right)].get_mut(place.row)) {
            *at = quote;
        }
    }

    /// Values every contract: forwards, volatilities, Greeks, smiles, analytics.
    pub fn revalue(&mut self, underlying: Underlying, now: UnixNanos) {
        self.spot = match underlying {
            Underlying::Price(price) => Some(price),
            Underlying::Missing | Underlying::Stale => None,
        };
        for slice in &mut self.slices {
            slice.revalue(&self.settings, self.lanes, underlying, now);
        }
    }

    /// Values one contract as the pass does, on the side out of the money
    /// where that has a price, with the carry of the last pass.
    pub fn value(&self, place: Place, underlying: Underlying, now: UnixNanos) -> Valued {
        let refused = |why| Valued {
            volatility: Err(why),
            greeks: None,
            source: None,
            basis: None,
        };
        let spot = match underlying {
            Underlying::Price(price) => price,
            Underlying::Missing => return refused(Unsolved::NoUnderlying),
            Underlying::Stale => return refused(Unsolved::StaleUnderlying),
        };
        let Some(slice) = self.slices.get(place.slice) else {
            return refused(Unsolved::BadInput);
        };
        let time = years_to(slice.close, now);
        if time <= 0.0 {
            return refused(Unsolved::Expired);
        }
        let conditions = slice.conditions_at(&self.settings, spot, time);
        let (Some(strike), Ok(terms)) = (slice.strikes.get(place.row), conditions.expiry()) else {
            return refused(Unsolved::BadInput);
        };
        let Some((solved, price, source)) = slice.side_of(place.row, terms.forward()) else {
            return refused(Unsolved::BadInput);
        };
        let basis = Basis {
            conditions,
            strike: *strike,
            right: place.right,
            solved,
            price,
        };
        let valued = basis.value(self.lanes, &terms);
        Valued {
            volatility: valued.map(|(sigma, _)| sigma),
            greeks: valued.ok().map(|(_, greeks)| greeks),
            source: Some(source),
            basis: Some(basis),
        }
    }

    /// What the last pass valued the contracts of an expiry with; absent where it valued nothing.
    pub fn conditions(&self, slice: &Slice) -> Option<Conditions> {
        let carry = match (self.settings.on_future, slice.forward) {
            (true, _) => Carry::Future,
            (false, Some(forward)) => Carry::Forward(forward.price),
            (false, None) => Carry::Yield(self.settings.dividend_yield),
        };
        Some(Conditions {
            spot: self.spot?,
            rate: slice.terms?.rate(),
            carry,
            time: slice.years,
        })
    }

    /// What the last pass valued a contract from; absent where it had nothing to solve for.
    pub fn basis(&self, place: Place) -> Option<Basis> {
        let slice = self.slices.get(place.slice)?;
        let (solved, _) = slice.solved_from(place.row)?;
        Some(Basis {
            conditions: self.conditions(slice)?,
            strike: *slice.strikes.get(place.row)?,
            right: place.right,
            solved,
            price: *slice.prices.get(place.row)?,
        })
    }

    /// What the underlying pays a year by each expiry, as the last pass found
    /// it; absent where it valued nothing.
    pub fn carries(&self) -> impl Iterator<Item = (UnixNanos, Option<f64>)> {
        self.slices.iter().map(|slice| (slice.close, slice.carry))
    }

    /// Takes what another chain's [`carries`](Self::carries) told, as if the
    /// last pass had been made here.
    pub fn set_carry(&mut self, close: UnixNanos, carry: Option<f64>) {
        let slice = self.slices.binary_search_by_key(&close, |slice| slice.close);
        if let Some(slice) = slice.ok().and_then(|at| self.slices.get_mut(at)) {
            slice.carry = carry;
        }
    }

    /// The underlying's price at the last pass.
    pub fn spot(&self) -> Option<f64> {
        self.spot
    }

    /// The expiries, in order of time.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// How the chain is valued.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Slice {
    fn new(contracts: &[(UnixNanos, f64)]) -> Result<Self, ChainError> {
        let rows = contracts.len();
        let strikes: Vec<f64> = contracts.iter().map(|(_, strike)| *strike).collect();
        let mut columns = ContractColumns::default();
        for strike in &strikes {
            columns.push(*strike, Right::Call)?;
        }
        let mut slice = Self {
            close: contracts.first().map_or(UnixNanos(0), |(close, _)| *close),
            strikes,
            quotes: [vec![Quote::default(); rows], vec![Quote::default(); rows]],
            contracts: columns,
            prices: vec![f64::NAN; rows],
            sources: vec![None; rows],
            implied: ImpliedColumns::default(),
            greeks: PairColumns::default(),
            smile: None,
            fitted: vec![f64::NAN; rows],
            theoretical: PairColumns::default(),
            terms: None,
            years: 0.0,
            unvalued: Some(Unsolved::NoUnderlying),
            carry: None,
            forward: None,
            analytics: Analytics::default(),
            arbitrages: Vec::new(),
        };
        slice.implied.resize(rows);
        slice.greeks.resize(rows);
        slice.theoretical.resize(rows);
        Ok(slice)
    }

    /// At another price of the underlying and another time, with the carry of the last pass.
    fn conditions_at(&self, settings: &Settings, spot: f64, time: f64) -> Conditions {
        let carry = match (self.carry, settings.on_future) {
            (_, true) => Carry::Future,
            (carry, false) => Carry::Yield(carry.unwrap_or(settings.dividend_yield)),
        };
        Conditions {
            spot,
            rate: settings.curve.rate(time),
            carry,
            time,
        }
    }

    fn revalue(&mut self, settings: &Settings, lanes: Lanes, underlying: Underlying, now: UnixNanos) {
        let time = years_to(self.close, now);
        let rows = self.strikes.len();
        self.years = time;
        self.analytics.clear();
        self.arbitrages.clear();
        self.analytics.count(&self.strikes, &self.quotes);
        let why = match underlying {
            Underlying::Missing => Some(Unsolved::NoUnderlying),
            Underlying::Stale => Some(Unsolved::StaleUnderlying),
            Underlying::Price(_) if time <= 0.0 => Some(Unsolved::Expired),
            Underlying::Price(_) => None,
        };
        let terms = match (why, underlying) {
            (None, Underlying::Price(spot)) => self.fit(settings, spot, time),
            _ => None,
        };
        let Some(terms) = terms else {
            let why = why.unwrap_or(Unsolved::BadInput);
            (self.terms, self.forward, self.smile) = (None, None, None);
            (self.unvalued, self.carry) = (Some(why), None);
            self.implied.refuse(0, rows, why);
            self.sources.fill(None);
            self.fitted.fill(f64::NAN);
            self.greeks.blank();
            self.theoretical.blank();
            return;
        };
        self.choose_sides(terms.forward());
        self.implied
            .compute(lanes, &terms, self.contracts.all(), &self.prices, 0);
        self.greeks
            .compute(lanes, &terms, &self.strikes, self.implied.volatility(), 0);
        self.terms = Some(terms);
        (self.unvalued, self.carry) = (None, Some(terms.terms.payout));
        self.analytics
            .measure(&terms, &self.strikes, self.implied.volatility(), &self.greeks);
        self.fit_smile(lanes, &terms);
        Arbitrage::find(
            &mut self.arbitrages,
            &terms,
            settings.cost,
            &self.strikes,
            &self.quotes,
        );
    }

    fn fit(&mut self, settings: &Settings, spot: f64, time: f64) -> Option<Expiry> {
        self.forward = None;
        let rate = settings.curve.rate(time);
        if settings.on_future {
            return Expiry::on_future(spot, rate, time).ok();
        }
        let carried = Expiry::on_spot(spot, rate, settings.dividend_yield, time).ok()?;
        let [calls, puts] = &self.quotes;
        let points = self.strikes.iter().zip(calls.iter().zip(puts));
        let points = points.filter_map(|(strike, (call, put))| {
            Some(ParityPoint {
                strike: *strike,
                difference: call.price()?.0 - put.price()?.0,
                spread: call.spread().zip(put.spread()).map(|(a, b)| a + b),
            })
        });
        self.forward = fit_forward(points, spot, carried.discount());
        match self.forward {
            Some(forward) => Expiry::fitted(spot, forward.price, rate, time).ok(),
            None => Some(carried),
        }
    }

    /// A strike is solved on its side out of the money; where that has no
    /// price, on the other.
    fn side_of(&self, row: usize, forward: f64) -> Option<(Right, f64, PriceSource)> {
        let sides = if *self.strikes.get(row)? >= forward {
            [Right::Call, Right::Put]
        } else {
            [Right::Put, Right::Call]
        };
        sides.into_iter().find_map(|right| {
            let (price, source) = self.quotes[side(right)].get(row)?.price()?;
            Some((right, price, source))
        })
    }

    fn choose_sides(&mut self, forward: f64) {
        for row in 0..self.strikes.len() {
            let found = self.side_of(row, forward);
            self.sources[row] = found.map(|(right, _, source)| (right, source));
            self.prices[row] = found.map_or(f64::NAN, |(_, price, _)| price);
            self.contracts
                .set_right(row, found.map_or(Right::Call, |(right, ..)| right));
        }
    }

    fn fit_smile(&mut self, lanes: Lanes, terms: &Expiry) {
        self.smile = None;
        if let Some(deviation) = self.analytics.atm_deviation(terms) {
            let forward = terms.forward();
            let at = |strike: &f64| ln_ratio(*strike, 0.0, forward) / deviation;
            let vegas = self.greeks.column(Right::Call, Greek::Vega);
            let points = self.strikes.iter().zip(self.implied.volatility()).zip(vegas);
            self.smile =
                Smile::fit(points.map(|((strike, volatility), vega)| (at(strike), *volatility, *vega)));
            for (fitted, strike) in self.fitted.iter_mut().zip(&self.strikes) {
                *fitted = self.smile.map_or(f64::NAN, |smile| smile.volatility(at(strike)));
            }
        } else {
            self.fitted.fill(f64::NAN);
        }
        self.theoretical
            .compute(lanes, terms, &self.strikes, &self.fitted, 0);
    }

    /// When trading in these contracts ends.
    pub fn close(&self) -> UnixNanos {
        self.close
    }

    /// The strikes, in order.
    pub fn strikes(&self) -> &[f64] {
        &self.strikes
    }

    /// What was quoted at each strike.
    pub fn quotes(&self, right: Right) -> &[Quote] {
        &self.quotes[side(right)]
    }

    /// The terms of the last pass: forward, discount, time; absent where
    /// nothing could be valued.
    pub fn terms(&self) -> Option<&Expiry> {
        self.terms.as_ref()
    }

    /// Years of 365 days to expiry at the last pass.
    pub fn years(&self) -> f64 {
        self.years
    }

    /// Why the last pass valued nothing here; absent where it did.
    pub fn unvalued(&self) -> Option<Unsolved> {
        self.unvalued
    }

    /// The forward as fitted by parity; absent where it follows from the
    /// underlying and the rates alone.
    pub fn fitted_forward(&self) -> Option<Forward> {
        self.forward
    }

    /// Volatility of the strike, one for both rights, or why there is none.
    pub fn volatility(&self, row: usize) -> Result<f64, Unsolved> {
        self.implied.get(row)
    }

    /// On which side the strike was solved, and from which price.
    pub fn solved_from(&self, row: usize) -> Option<(Right, PriceSource)> {
        self.sources.get(row).copied().flatten()
    }

    /// Price and first sensitivities at the strikes' own volatilities, raw units.
    pub fn greeks(&self) -> &PairColumns {
        &self.greeks
    }

    /// The smile through the volatilities.
    pub fn smile(&self) -> Option<&Smile> {
        self.smile.as_ref()
    }

    /// Price and first sensitivities at the smile's volatilities, raw units.
    pub fn theoretical(&self) -> &PairColumns {
        &self.theoretical
    }

    /// What the chain says as a whole.
    pub fn analytics(&self) -> &Analytics {
        &self.analytics
    }

    /// What can be traded against the bounds of arbitrage, after spread and cost.
    pub fn arbitrages(&self) -> &[Arbitrage] {
        &self.arbitrages
    }

    /// `ln(K/F) / (sigma_atm sqrt(t))`.
    pub fn moneyness(&self, row: usize) -> Option<f64> {
        let terms = self.terms.as_ref()?;
        let deviation = self.analytics.atm_deviation(terms)?;
        Some(ln_ratio(*self.strikes.get(row)?, 0.0, terms.forward()) / deviation)
    }
}

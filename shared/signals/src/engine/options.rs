//! Chains on the live path: what is quoted for each contract, passes over whole chains,
//! and the contract that ticked at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tickwire_market::{InstrumentKey, Product, Right, Tick, Timeframe, UnixNanos};
use tickwire_options::{Basis, Chain, Conditions, Figure, Place as ContractPlace, Quote, Underlying};

use super::{Engine, Fold, Folded, Refusal};
use crate::chain::{
    CHAIN_EVERY_NANOS, ChainTerms, GREEKS, OptionContract, Valuation, chain_of, underlying_at, underlying_of,
    valued, values,
};
use crate::expression::{OptionSource, Tenor};
use crate::graph::{Contract, Place};
use crate::value::{Absence, Value};

/// Days in a year, as the options count.
const DAYS_PER_YEAR: f64 = 365.0;

/// What was last told of an option or its underlying.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Booked {
    time: UnixNanos,
    /// Of the session.
    day: i32,
    last: f64,
    bid: Option<f64>,
    ask: Option<f64>,
    volume: Option<f64>,
    open_interest: Option<f64>,
}

/// What is known of an underlying's chain beside its contracts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChainState {
    terms: Option<ChainTerms>,
    /// Greatest exchange time of a tick of the chain.
    now: Option<UnixNanos>,
    /// When the whole chain was last valued.
    passed: Option<UnixNanos>,
    /// Carry of each expiry in that pass.
    carries: Vec<(UnixNanos, Option<f64>)>,
}

/// The chain of an underlying; derived from its instruments and their state.
#[derive(Clone, Debug)]
struct LiveChain {
    underlying: u32,
    /// Absent until its terms are told.
    chain: Option<Chain>,
    /// Expiry days, as the chain's slices.
    days: Vec<Date>,
    /// Of its terms.
    rates: Arc<[(f64, f64)]>,
    contracts: Vec<(u32, ContractPlace)>,
    /// Members of which something is computed whenever the chain is valued; ascending.
    read: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    chain: usize,
    /// Absent for the underlying.
    place: Option<ContractPlace>,
    /// The other right of its strike.
    twin: Option<u32>,
}

/// All chains of a group; derived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chains {
    live: Vec<LiveChain>,
    members: FxHashMap<u32, Member>,
    /// Instruments came, or terms.
    stale: bool,
    /// Streams came or went.
    plan_stale: bool,
}

impl Chains {
    /// Instruments or terms have changed.
    pub(crate) fn touch(&mut self) {
        self.stale = true;
    }

    /// Streams have changed.
    pub(crate) fn touch_plan(&mut self) {
        self.plan_stale = true;
    }
}

impl Booked {
    fn take(before: Option<Self>, tick: &Tick, day: i32) -> Self {
        let same_day = before.filter(|before| before.day == day);
        Self {
            time: tick.exchange_time,
            day,
            last: tick.price,
            bid: tick.bid.map(|quote| quote.price),
            ask: tick.ask.map(|quote| quote.price),
            volume: tick.volume.or(same_day.and_then(|before| before.volume)),
            open_interest: tick
                .open_interest
                .or(before.and_then(|before| before.open_interest)),
        }
    }

    /// What is not too old of it.
    fn quote(&self, now: UnixNanos, stale: i64) -> Quote {
        if now.nanos_since(self.time) > stale {
            return Quote::default();
        }
        Quote {
            bid: self.bid,
            ask: self.ask,
            last: Some(self.last),
            volume: self.volume,
            open_interest: self.open_interest,
        }
    }
}

impl Engine {
    /// Takes what is told of the chain of an underlying.
    pub(super) fn set_chain(
        &mut self,
        key: &InstrumentKey,
        terms: &ChainTerms,
        fold: &mut Fold,
    ) -> Result<Folded, Refusal> {
        let index = *self
            .by_key
            .get(key)
            .ok_or_else(|| Refusal::UnknownInstrument(key.clone()))?;
        terms.settings(key)?;
        let state = self.instruments[index as usize]
            .chain
            .get_or_insert_with(Default::default);
        if state.terms.as_ref() == Some(terms) {
            return Ok(Folded::Unchanged);
        }
        state.terms = Some(terms.clone());
        // What was found under other terms is not carried over.
        (state.passed, state.carries) = (None, Vec::new());
        self.chains.touch();
        // Readers find the terms with the plan.
        self.plan_has_changed(index, fold);
        Ok(Folded::Changed)
    }

    /// What was told of chains, by the keys of their underlyings.
    pub fn chain_terms(&self) -> impl Iterator<Item = (&InstrumentKey, &ChainTerms)> {
        self.instruments.iter().filter_map(|instrument| {
            let terms = instrument.chain.as_ref()?.terms.as_ref()?;
            Some((&instrument.known.key, terms))
        })
    }

    /// What the expiries of an underlying's chain were last valued with; those left out could
    /// not be.
    pub fn chain_conditions(&self, underlying: &InstrumentKey) -> Vec<(Date, Conditions)> {
        let place = self.place_of(underlying);
        let live = self
            .chains
            .live
            .iter()
            .find(|live| Some(live.underlying) == place);
        let Some((live, chain)) = live.and_then(|live| Some((live, live.chain.as_ref()?))) else {
            return Vec::new();
        };
        let slices = live.days.iter().zip(chain.slices());
        slices
            .filter_map(|(day, slice)| Some((*day, chain.conditions(slice)?)))
            .collect()
    }

    /// The underlying of an option of the group.
    pub fn underlying_of(&self, option: &InstrumentKey) -> Option<&InstrumentKey> {
        underlying_of(option, self.instruments().map(|key| (key, key)))
    }

    /// Makes the chains anew where instruments or terms came.
    pub(crate) fn ready_chains(&mut self) {
        if std::mem::take(&mut self.chains.stale) {
            self.link_chains();
            self.chains.plan_stale = true;
        }
        if std::mem::take(&mut self.chains.plan_stale) {
            for chain in &mut self.chains.live {
                let members = chain.contracts.iter().map(|(index, _)| *index);
                let read = |index: &u32| self.graph.len_at(Place::options(*index)) > 0;
                chain.read = members.chain([chain.underlying]).filter(read).collect();
                chain.read.sort_unstable();
            }
        }
    }

    fn link_chains(&mut self) {
        let mut options = Vec::new();
        let mut others = Vec::new();
        for (index, instrument) in (0u32..).zip(&self.instruments) {
            match instrument.known.key.product() {
                Product::Opt => options.push(index),
                _ => others.push(index),
            }
        }
        let key = |index: u32| &self.instruments[index as usize].known.key;
        let mut contracts: FxHashMap<u32, Contract> = FxHashMap::default();
        let mut by_underlying: BTreeMap<u32, Vec<(u32, OptionContract)>> = BTreeMap::new();
        for index in options {
            let underlying = underlying_of(key(index), others.iter().map(|other| (*other, key(*other))));
            let on = underlying.and_then(|underlying| {
                let state = self.instruments[underlying as usize].chain.as_ref()?;
                Some((key(underlying), state.terms.as_ref()?))
            });
            let Some(contract) = OptionContract::of(key(index), on) else {
                continue;
            };
            if let Some(underlying) = underlying {
                let of_underlying = by_underlying.entry(underlying).or_default();
                of_underlying.push((index, contract.clone()));
            }
            contracts.insert(index, Contract { contract, underlying });
        }
        self.chains.live.clear();
        self.chains.members.clear();
        for (underlying, members) in by_underlying {
            self.link_chain(underlying, &members);
        }
        let moved = self.graph.set_contracts(Arc::new(contracts));
        if moved {
            self.plan_greeks_again();
        }
    }

    fn link_chain(&mut self, underlying: u32, members: &[(u32, OptionContract)]) {
        let instrument = &self.instruments[underlying as usize];
        let terms = instrument.chain.as_ref().and_then(|state| state.terms.as_ref());
        // Without terms it is made all the same, so that its places are known.
        let usual = ChainTerms::flat(0.0);
        let closes = members
            .iter()
            .map(|(_, contract)| (contract.close, contract.strike));
        let Ok(mut chain) = chain_of(closes, &instrument.known.key, terms.unwrap_or(&usual)) else {
            return;
        };
        for (close, carry) in instrument.chain.iter().flat_map(|state| &state.carries) {
            chain.set_carry(*close, *carry);
        }
        let at = self.chains.live.len();
        let mut days = vec![Date::MIN; chain.slices().len()];
        let mut contracts = Vec::with_capacity(members.len());
        let mut by_place: FxHashMap<(usize, usize, bool), u32> = FxHashMap::default();
        for (index, contract) in members {
            let place = chain.place(contract.close, contract.strike, contract.right);
            let Some(place) = place else { continue };
            if let Some(day) = self.instruments[*index as usize].known.key.expiry() {
                days[place.slice] = day;
            }
            by_place.insert((place.slice, place.row, place.right == Right::Call), *index);
            contracts.push((*index, place));
        }
        for (index, place) in &contracts {
            let twin = by_place.get(&(place.slice, place.row, place.right != Right::Call));
            let member = Member {
                chain: at,
                place: Some(*place),
                twin: twin.copied(),
            };
            self.chains.members.insert(*index, member);
        }
        let member = Member {
            chain: at,
            place: None,
            twin: None,
        };
        self.chains.members.insert(underlying, member);
        self.chains.live.push(LiveChain {
            underlying,
            chain: terms.is_some().then_some(chain),
            days,
            rates: terms.unwrap_or(&usual).rates.as_slice().into(),
            contracts,
            read: Vec::new(),
        });
    }

    /// Plans what reads Greeks on bars once more, since options have other underlyings now.
    fn plan_greeks_again(&mut self) {
        let mut again = Vec::new();
        for (index, instrument) in (0u32..).zip(&mut self.instruments) {
            for frame in &mut instrument.frames {
                let timeframe = frame.timeframe;
                let all = std::mem::take(&mut frame.taps);
                let (moved, stay) = all.into_iter().partition(|(_, expression, _)| {
                    timeframe != Timeframe::TICK && expression.reads_greeks()
                });
                frame.taps = stay;
                let moved: Vec<_> = moved;
                for (id, expression, tap) in moved {
                    self.graph.remove(tap, &mut Vec::new());
                    again.push((Place::bars(index, timeframe), id, expression));
                }
            }
        }
        for (at, id, expression) in again {
            let mut graph = std::mem::take(&mut self.graph);
            let mut fresh = Vec::new();
            let tap = graph.add(at, &expression, &|key| self.resolve(key), &mut fresh);
            let places = graph.places_of(&fresh);
            self.graph = graph;
            for place in places.iter().chain([&at]).filter(|place| !place.options) {
                self.frame(*place, &[]);
            }
            self.mark(&places);
            self.frame(at, &[]).taps.push((id, expression, tap));
        }
    }

    /// Takes a tick of the session of `day` into its chain, and tells what follows.
    pub(super) fn value_options(&mut self, index: u32, tick: &Tick, day: i32, fold: &mut Fold) {
        let Some(member) = self.chains.members.get(&index).copied() else {
            // An option of nothing that the group knows.
            let at = Place::options(index);
            if self.graph.len_at(at) > 0 {
                let absent = Value::Absent(Absence::NoUnderlying);
                self.graph.put_options(at, |_, outputs| outputs.fill(absent));
                self.graph.close_options(&[index], tick.exchange_time);
                self.emit_options(index, tick.exchange_time, None, fold);
            }
            return;
        };
        let instrument = &mut self.instruments[index as usize];
        if instrument.book.is_some_and(|book| book.time > tick.exchange_time) {
            return;
        }
        instrument.book = Some(Booked::take(instrument.book, tick, day));
        let underlying = self.chains.live[member.chain].underlying;
        let state = self.instruments[underlying as usize]
            .chain
            .get_or_insert_with(Default::default);
        let now = state
            .now
            .map_or(tick.exchange_time, |now| now.max(tick.exchange_time));
        state.now = Some(now);
        self.dirty[underlying as usize] = true;
        if self.chains.live[member.chain].read.is_empty() {
            return;
        }
        let every = state
            .terms
            .as_ref()
            .map_or(CHAIN_EVERY_NANOS, |terms| terms.every);
        let is_due = state.passed.is_none_or(|passed| now.nanos_since(passed) >= every);
        if is_due {
            self.pass(member.chain, now, fold);
        } else if let Some(place) = member.place {
            self.value_contract(index, member, place, now, fold);
        }
    }

    fn seen(&self, chain: usize, now: UnixNanos) -> (Underlying, i64) {
        let underlying = &self.instruments[self.chains.live[chain].underlying as usize];
        let terms = underlying.chain.as_ref().and_then(|state| state.terms.as_ref());
        let (of_underlying, of_quotes) =
            terms.map_or((0, 0), |terms| (terms.underlying_stale, terms.quote_stale));
        let seen = underlying.book.map(|book| (book.last, book.time));
        (underlying_at(seen, now, of_underlying), of_quotes)
    }

    /// The contract that ticked.
    fn value_contract(
        &mut self,
        index: u32,
        member: Member,
        place: ContractPlace,
        now: UnixNanos,
        fold: &mut Fold,
    ) {
        let at = Place::options(index);
        if self.graph.len_at(at) == 0 {
            return;
        }
        let (underlying, stale) = self.seen(member.chain, now);
        let live = &mut self.chains.live[member.chain];
        let mut valuation = None;
        let greeks = match &mut live.chain {
            None => [Value::Absent(Absence::NoRate); GREEKS],
            Some(chain) => {
                for (index, right) in [Some((index, false)), member.twin.map(|twin| (twin, true))]
                    .into_iter()
                    .flatten()
                {
                    let book = self.instruments[index as usize].book;
                    let right = match (right, place.right) {
                        (false, right) => right,
                        (true, Right::Call) => Right::Put,
                        (true, Right::Put) => Right::Call,
                    };
                    let quote = book.map_or_else(Quote::default, |book| book.quote(now, stale));
                    chain.quote(ContractPlace { right, ..place }, quote);
                }
                let found = chain.value(place, underlying, now);
                valuation = valuation_of(chain, place, found.basis, &live.rates);
                valued(&found)
            }
        };
        self.graph.put_options(at, |source, outputs| match source {
            OptionSource::Greeks => outputs.copy_from_slice(&greeks),
            OptionSource::Bucket(..) | OptionSource::Chain(_) => {}
        });
        self.graph.close_options(&[index], now);
        self.emit_options(index, now, valuation.as_ref(), fold);
    }

    /// Values the whole chain, and computes and tells all that reads it.
    fn pass(&mut self, chain: usize, now: UnixNanos, fold: &mut Fold) {
        let (seen, stale) = self.seen(chain, now);
        let mut live = std::mem::replace(
            &mut self.chains.live[chain],
            LiveChain {
                underlying: 0,
                chain: None,
                days: Vec::new(),
                rates: Arc::default(),
                contracts: Vec::new(),
                read: Vec::new(),
            },
        );
        if let Some(chain) = &mut live.chain {
            for (index, place) in &live.contracts {
                let book = self.instruments[*index as usize].book;
                chain.quote(
                    *place,
                    book.map_or_else(Quote::default, |book| book.quote(now, stale)),
                );
            }
            chain.revalue(seen, now);
        }
        let carries = live.chain.iter().flat_map(Chain::carries).collect();
        if let Some(state) = &mut self.instruments[live.underlying as usize].chain {
            (state.passed, state.carries) = (Some(now), carries);
        }
        for index in &live.read {
            let place = self.chains.members.get(index).and_then(|member| member.place);
            self.graph
                .put_options(Place::options(*index), |source, outputs| match &live.chain {
                    None => outputs.fill(Value::Absent(Absence::NoRate)),
                    Some(chain) => put(chain, &live.days, place, source, outputs),
                });
        }
        self.graph.close_options(&live.read, now);
        for index in &live.read {
            let place = self.chains.members.get(index).and_then(|member| member.place);
            let valuation = place
                .zip(live.chain.as_ref())
                .and_then(|(place, chain)| valuation_of(chain, place, chain.basis(place), &live.rates));
            self.emit_options(*index, now, valuation.as_ref(), fold);
            self.dirty[*index as usize] = true;
        }
        self.chains.live[chain] = live;
    }
}

fn valuation_of(
    chain: &Chain,
    place: ContractPlace,
    basis: Option<Basis>,
    rates: &Arc<[(f64, f64)]>,
) -> Option<Valuation> {
    Some(Valuation {
        close: chain.slices().get(place.slice)?.close(),
        rates: Arc::clone(rates),
        basis: basis?,
    })
}

/// What a source tells after a pass.
fn put(
    chain: &Chain,
    days: &[Date],
    contract: Option<ContractPlace>,
    source: OptionSource,
    outputs: &mut [Value],
) {
    let slice_of = |tenor: Tenor| match tenor {
        Tenor::Days(days) => chain.nearest(days / DAYS_PER_YEAR),
        Tenor::Expiry(day) => days
            .iter()
            .position(|other| *other == day)
            .and_then(|at| chain.slices().get(at)),
    };
    let absent = |why: Absence| Value::Absent(why);
    match source {
        OptionSource::Greeks => {
            let slice = contract.and_then(|place| Some((chain.slices().get(place.slice)?, place)));
            let found = slice.map(|(slice, place)| match slice.volatility(place.row) {
                Ok(sigma) => values(sigma, |greek| slice.greeks().get(place.right, greek, place.row)),
                Err(why) => [absent(why.into()); GREEKS],
            });
            outputs.copy_from_slice(&found.unwrap_or([absent(Absence::Unsolvable); GREEKS]));
        }
        OptionSource::Bucket(tenor, moneyness) => {
            match slice_of(tenor).map(|slice| slice.bucket(moneyness)) {
                Some(Ok(values)) => {
                    for (output, value) in outputs.iter_mut().zip(values) {
                        *output = Value::number(value);
                    }
                }
                Some(Err(why)) => outputs.fill(absent(why.into())),
                None => outputs.fill(absent(Absence::Unsolvable)),
            }
        }
        OptionSource::Chain(tenor) => {
            for (output, figure) in outputs.iter_mut().zip(Figure::ALL) {
                let found = match tenor {
                    Tenor::Days(days) => Some(chain.figure_at(figure, days / DAYS_PER_YEAR)),
                    Tenor::Expiry(_) => slice_of(tenor).map(|slice| slice.figure(figure)),
                };
                *output = match found {
                    Some(Ok(value)) => Value::number(value),
                    Some(Err(why)) => absent(why.into()),
                    None => absent(Absence::Unsolvable),
                };
            }
        }
    }
}

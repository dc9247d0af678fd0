//! Chains whose forward and smile are known.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use tickwire_market::{Right, UnixNanos};
use tickwire_options::{
    Bound, Chain, Curve, Exercise, Expiry, Greek, Lanes, PriceSource, Quote, Settings, Underlying, Unsolved,
};

const DAY: i64 = 86_400 * UnixNanos::PER_SECOND;
const NOW: UnixNanos = UnixNanos(1_750_000_000 * UnixNanos::PER_SECOND);
const SPOT: f64 = 24_000.0;
const RATE: f64 = 0.065;
const YIELD: f64 = 0.012;

fn settings() -> Settings {
    Settings {
        curve: Curve::flat(RATE),
        dividend_yield: 0.0,
        on_future: false,
        exercise: Exercise::European,
        cost: 0.0,
    }
}

fn smile(strike: f64, terms: &Expiry) -> f64 {
    let x = (strike / terms.forward()).ln() / (0.14 * terms.time().sqrt());
    0.14 - 0.01 * x + 0.004 * x * x
}

/// Two expiries of 41 strikes, quoted at the smile's value and half a unit around.
fn chain(settings: Settings, half_spread: f64) -> Chain {
    let closes = [NOW.saturating_add(7 * DAY), NOW.saturating_add(30 * DAY)];
    let strikes = (0..41).map(|at| 22_000.0 + 100.0 * f64::from(at));
    let contracts: Vec<_> = closes
        .iter()
        .flat_map(|close| strikes.clone().map(|strike| (*close, strike)))
        .collect();
    let mut chain = Chain::new(contracts.clone(), settings).unwrap();
    for (close, strike) in contracts {
        let time = close.nanos_since(NOW) as f64 / (365 * DAY) as f64;
        let terms = Expiry::on_spot(SPOT, RATE, YIELD, time).unwrap();
        for right in [Right::Call, Right::Put] {
            let greeks = terms.greeks(Lanes::detect(), strike, right, smile(strike, &terms));
            let price = greeks.get(Greek::Price).unwrap();
            let place = chain.place(close, strike, right).unwrap();
            chain.quote(
                place,
                Quote {
                    bid: Some((price - half_spread).max(0.0)),
                    ask: Some(price + half_spread),
                    last: Some(1e9),
                    volume: Some(if right == Right::Put { 30.0 } else { 20.0 }),
                    open_interest: Some(100.0),
                },
            );
        }
    }
    chain
}

#[test]
fn a_known_chain_is_found_again() {
    let mut chain = chain(settings(), 0.0);
    chain.revalue(Underlying::Price(SPOT), NOW);
    assert_eq!(chain.slices().len(), 2);
    for slice in chain.slices() {
        let terms = slice.terms().unwrap();
        let truth = Expiry::on_spot(SPOT, RATE, YIELD, terms.time()).unwrap();
        assert!((terms.forward() / truth.forward() - 1.0).abs() < 1e-12);
        assert!(slice.fitted_forward().unwrap().strikes > 20);
        for (row, strike) in slice.strikes().iter().enumerate() {
            let sigma = slice.volatility(row).unwrap();
            assert!((sigma - smile(*strike, &truth)).abs() < 1e-9, "{strike}: {sigma}");
            for right in [Right::Call, Right::Put] {
                let expected = truth.greeks(Lanes::detect(), *strike, right, smile(*strike, &truth));
                for greek in &Greek::ALL[..Greek::FIRST] {
                    let (ours, theirs) = (
                        slice.greeks().get(right, *greek, row).unwrap(),
                        expected.get(*greek).unwrap(),
                    );
                    assert!(
                        (ours - theirs).abs() <= 1e-6 * theirs.abs() + 1e-6,
                        "{strike} {greek:?}: {ours} {theirs}"
                    );
                }
                let market = slice.quotes(right)[row].price().unwrap().0;
                let theoretical = slice.theoretical().get(right, Greek::Price, row).unwrap();
                if slice.moneyness(row).unwrap().abs() < 3.0 {
                    assert!(
                        (market - theoretical).abs() < 1e-3,
                        "{strike} {market} {theoretical}"
                    );
                }
            }
            let (right, source) = slice.solved_from(row).unwrap();
            assert_eq!(right == Right::Call, *strike >= terms.forward());
            assert_eq!(source, PriceSource::Mid);
        }
        let analytics = slice.analytics();
        assert!((analytics.atm_volatility.unwrap() - 0.14).abs() < 5e-4);
        assert!(analytics.skew_25d.unwrap() > 0.005 && analytics.butterfly_25d.unwrap() > 0.0005);
        assert_eq!(analytics.pcr_volume, Some(1.5));
        assert_eq!(analytics.pcr_open_interest, Some(1.0));
        assert_eq!(analytics.max_pain, Some(24_000.0));
        assert_eq!(analytics.buckets.len(), 7);
        assert_eq!(slice.arbitrages(), []);
    }
}

#[test]
fn one_contract_is_valued_as_in_the_pass() {
    let mut chain = chain(settings(), 0.5);
    chain.revalue(Underlying::Price(SPOT), NOW);
    let close = chain.slices()[1].close();
    for (strike, right) in [(23_000.0, Right::Put), (25_000.0, Right::Call)] {
        let place = chain.place(close, strike, right).unwrap();
        let valued = chain.value(place, Underlying::Price(SPOT), NOW);
        let in_pass = chain.slices()[1].volatility(place.row).unwrap();
        assert!((valued.volatility.unwrap() / in_pass - 1.0).abs() < 1e-9);
        assert_eq!(valued.source, Some(PriceSource::Mid));
        assert!(valued.greeks.unwrap().get(Greek::Delta).is_some());
    }
}

#[test]
fn what_is_missing_is_a_status() {
    let mut chain = chain(settings(), 0.5);
    let close = chain.slices()[0].close();
    let check = |chain: &mut Chain, underlying, now, expected| {
        chain.revalue(underlying, now);
        let slice = &chain.slices()[0];
        assert_eq!(slice.volatility(3), Err(expected));
        assert!(slice.terms().is_none() && slice.moneyness(3).is_none());
        assert_eq!(slice.greeks().get(Right::Call, Greek::Delta, 3), None);
        assert_eq!(slice.analytics().atm_volatility, None);
        assert_eq!(slice.analytics().pcr_volume, Some(1.5));
        let place = chain.place(close, 22_300.0, Right::Call).unwrap();
        assert_eq!(chain.value(place, underlying, now).volatility, Err(expected));
    };
    chain.revalue(Underlying::Price(SPOT), NOW);
    check(&mut chain, Underlying::Missing, NOW, Unsolved::NoUnderlying);
    check(&mut chain, Underlying::Stale, NOW, Unsolved::StaleUnderlying);
    check(&mut chain, Underlying::Price(SPOT), close, Unsolved::Expired);
    check(&mut chain, Underlying::Price(f64::NAN), NOW, Unsolved::BadInput);

    // One strike without prices, one with a last price on its other side only.
    let set = |chain: &mut Chain, strike, right, last| {
        let place = chain.place(close, strike, right).unwrap();
        chain.quote(
            place,
            Quote {
                last,
                ..Quote::default()
            },
        );
    };
    let price = {
        chain.revalue(Underlying::Price(SPOT), NOW);
        chain.slices()[0]
            .greeks()
            .get(Right::Call, Greek::Price, 15)
            .unwrap()
    };
    for right in [Right::Call, Right::Put] {
        set(&mut chain, 22_300.0, right, None);
        set(
            &mut chain,
            23_500.0,
            right,
            (right == Right::Call).then_some(price),
        );
    }
    chain.revalue(Underlying::Price(SPOT), NOW);
    let slice = &chain.slices()[0];
    assert_eq!(slice.volatility(3), Err(Unsolved::BadInput));
    assert_eq!(slice.solved_from(3), None);
    assert!((slice.volatility(15).unwrap() - 0.15).abs() < 0.01);
    assert_eq!(slice.solved_from(15), Some((Right::Call, PriceSource::Last)));
    assert!(slice.volatility(4).is_ok());
}

#[test]
fn bounds_are_found_net_of_spread_and_cost() {
    let found = |cost: f64, shift: f64, half_spread: f64| {
        let mut chain = chain(Settings { cost, ..settings() }, half_spread);
        let close = chain.slices()[0].close();
        let place = chain.place(close, 24_000.0, Right::Call).unwrap();
        let mut quote = chain.slices()[0].quotes(Right::Call)[place.row];
        quote.bid = quote.bid.map(|bid| bid + shift);
        quote.ask = quote.ask.map(|ask| ask + shift);
        chain.quote(place, quote);
        chain.revalue(Underlying::Price(SPOT), NOW);
        let bounds: Vec<Bound> = chain.slices()[0]
            .arbitrages()
            .iter()
            .map(|found| found.bound)
            .collect();
        bounds
    };
    assert_eq!(found(0.0, 0.0, 0.5), []);
    let all = found(0.0, 80.0, 0.5);
    for bound in [Bound::Parity, Bound::Box, Bound::Vertical, Bound::Butterfly] {
        assert!(all.contains(&bound), "{bound:?} in {all:?}");
    }
    assert_eq!(found(0.0, 80.0, 60.0), []);
    assert_eq!(found(100.0, 80.0, 0.5), []);
}

#[test]
fn a_future_is_its_own_forward() {
    let settings = Settings {
        on_future: true,
        ..settings()
    };
    let mut chain = chain(settings, 0.5);
    let forward = Expiry::on_spot(SPOT, RATE, YIELD, 30.0 / 365.0)
        .unwrap()
        .forward();
    chain.revalue(Underlying::Price(forward), NOW);
    let slice = &chain.slices()[1];
    assert_eq!(slice.terms().unwrap().forward(), forward);
    assert_eq!(slice.fitted_forward(), None);
    assert!((slice.analytics().atm_volatility.unwrap() - 0.14).abs() < 5e-4);
}

//! What holds of every option.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility};
use proptest::prelude::*;
use tickwire_market::Right;
use tickwire_options::{
    AllGreeks, ContractColumns, Expiry, FirstGreeks, Greek, Greeks, ImpliedColumns, Lanes, Model,
    PairColumns, Unsolved,
};

/// Attainable error of a volatility: what half a unit in the price's last
/// place makes of it.
fn eta(price: f64, sigma: f64, vega: f64) -> f64 {
    f64::EPSILON * (1.0 + price / (sigma * vega))
}

#[derive(Clone, Copy, Debug)]
struct Case {
    model: Model,
    spot: f64,
    rate: f64,
    payout: f64,
    time: f64,
    /// In standard deviations.
    away: f64,
    sigma: f64,
}

impl Case {
    fn expiry(self) -> Expiry {
        Expiry::of_model(self.model, self.spot, self.rate, self.payout, self.time).unwrap()
    }

    fn strike(self) -> f64 {
        self.expiry().forward() * (self.away * self.sigma * self.time.sqrt()).exp()
    }

    fn greeks(self, right: Right) -> Greeks {
        self.expiry()
            .greeks(Lanes::detect(), self.strike(), right, self.sigma)
    }
}

fn cases() -> impl Strategy<Value = Case> {
    (
        prop::sample::select(Model::ALL.to_vec()),
        (0.0..5.0_f64).prop_map(|log| 10.0_f64.powf(log)),
        -0.02..0.12_f64,
        0.0..0.06_f64,
        (-4.5..1.5_f64).prop_map(|log| 10.0_f64.powf(log)),
        -4.0..4.0_f64,
        (-1.7..0.4_f64).prop_map(|log| 10.0_f64.powf(log)),
    )
        .prop_map(|(model, spot, rate, payout, time, away, sigma)| Case {
            model,
            spot,
            rate,
            payout,
            time,
            away,
            sigma,
        })
}

/// The case and strike at a step.
type Moved<'a> = &'a dyn Fn(f64) -> (Case, f64);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn calls_and_puts_are_in_parity(case in cases()) {
        let (expiry, strike) = (case.expiry(), case.strike());
        let value = |right, greek| case.greeks(right).get(greek).unwrap();
        let difference = value(Right::Call, Greek::Price) - value(Right::Put, Greek::Price);
        let expected = expiry.discount() * (expiry.forward() - strike);
        let scale = expiry.discount() * (expiry.forward() + strike);
        prop_assert!((difference - expected).abs() <= 4.0 * f64::EPSILON * scale);
        for greek in [Greek::Gamma, Greek::Vega, Greek::Vanna, Greek::Volga, Greek::Speed, Greek::Ultima] {
            prop_assert_eq!(value(Right::Call, greek).to_bits(), value(Right::Put, greek).to_bits());
        }
    }

    #[test]
    fn derivatives_are_those_of_the_price(case in cases().prop_filter("usual", |case| {
        case.away.abs() < 2.0 && case.sigma * case.time.sqrt() > 1e-3 && case.sigma < 2.0 && case.time < 3.0
    })) {
        let strike = case.strike();
        let at = |change: Case, strike: f64| {
            change.expiry().greeks(Lanes::detect(), strike, Right::Call, change.sigma)
        };
        let centre = at(case, strike);
        let deviation = case.sigma * case.time.sqrt();
        // (greek, its derivative, by what, step, sign)
        let rows: [(Greek, Greek, f64, Moved<'_>, f64); 16] = [
            (Greek::Price, Greek::Delta, case.spot * deviation, &|h| (Case { spot: case.spot + h, ..case }, strike), 1.0),
            (Greek::Delta, Greek::Gamma, case.spot * deviation, &|h| (Case { spot: case.spot + h, ..case }, strike), 1.0),
            (Greek::Gamma, Greek::Speed, case.spot * deviation, &|h| (Case { spot: case.spot + h, ..case }, strike), 1.0),
            (Greek::Price, Greek::Vega, case.sigma, &|h| (Case { sigma: case.sigma + h, ..case }, strike), 1.0),
            (Greek::Delta, Greek::Vanna, case.sigma, &|h| (Case { sigma: case.sigma + h, ..case }, strike), 1.0),
            (Greek::Vega, Greek::Volga, case.sigma, &|h| (Case { sigma: case.sigma + h, ..case }, strike), 1.0),
            (Greek::Volga, Greek::Ultima, case.sigma, &|h| (Case { sigma: case.sigma + h, ..case }, strike), 1.0),
            (Greek::Gamma, Greek::Zomma, case.sigma, &|h| (Case { sigma: case.sigma + h, ..case }, strike), 1.0),
            (Greek::Price, Greek::Theta, case.time, &|h| (Case { time: case.time + h, ..case }, strike), -1.0),
            (Greek::Delta, Greek::Charm, case.time, &|h| (Case { time: case.time + h, ..case }, strike), -1.0),
            (Greek::Vega, Greek::Veta, case.time, &|h| (Case { time: case.time + h, ..case }, strike), -1.0),
            (Greek::Gamma, Greek::Color, case.time, &|h| (Case { time: case.time + h, ..case }, strike), -1.0),
            (Greek::Price, Greek::Rho, 1.0, &|h| (Case { rate: case.rate + h, ..case }, strike), 1.0),
            (Greek::Price, Greek::DualDelta, strike * deviation, &|h| (case, strike + h), 1.0),
            (Greek::DualDelta, Greek::DualGamma, strike * deviation, &|h| (case, strike + h), 1.0),
            (Greek::Price, Greek::Epsilon, 1.0, &|h| (Case { payout: case.payout + h, ..case }, strike), 1.0),
        ];
        for (of, greek, scale, moved, sign) in rows {
            if greek == Greek::Epsilon && case.model != Model::BlackScholesMerton {
                continue;
            }
            let step = 1e-4 * scale;
            let value = |h: f64| {
                let (case, strike) = moved(h);
                at(case, strike).get(of).unwrap()
            };
            // Five points: the error is of the fourth order.
            let found = sign
                * (8.0 * (value(step) - value(-step)) - (value(2.0 * step) - value(-2.0 * step)))
                / (12.0 * step);
            let expected = centre.get(greek).unwrap();
            let size = value(0.0).abs().max(if of == Greek::Price { case.spot } else { 0.0 });
            let within = 1e-6 * expected.abs() + 1e-9 * size / scale + 1e-6 * case.time.min(1.0);
            let within = within.max(1e-7 * size / scale);
            prop_assert!((found - expected).abs() <= within, "{:?}: {:e} for {:e}", greek, found, expected);
        }
    }

    #[test]
    fn volatilities_come_back(case in cases()) {
        let (expiry, strike) = (case.expiry(), case.strike());
        // Out of the money, where a price holds its digits.
        let right = if strike >= expiry.forward() { Right::Call } else { Right::Put };
        let greeks = case.greeks(right);
        let (price, vega) = (greeks.get(Greek::Price).unwrap(), greeks.get(Greek::Vega).unwrap());
        prop_assume!(price > 1e-280);
        let found = expiry.implied_volatility(Lanes::detect(), strike, right, price).unwrap();
        // The price itself is rounded: the error of its largest summand.
        let summand = expiry.discount() * expiry.forward().min(strike);
        let within = 16.0 * eta(price, case.sigma, vega) + 8.0 * f64::EPSILON * summand / (case.sigma * vega);
        prop_assume!(within < 0.1);
        prop_assert!((found / case.sigma - 1.0).abs() <= within, "{} {:e}", found, within);
    }

    #[test]
    fn lanes_agree_with_another_solver(case in cases()) {
        let case = Case { model: Model::Black76, rate: 0.0, ..case };
        let (expiry, strike) = (case.expiry(), case.strike());
        let right = if strike >= case.spot { Right::Call } else { Right::Put };
        let greeks = case.greeks(right);
        let (price, vega) = (greeks.get(Greek::Price).unwrap(), greeks.get(Greek::Vega).unwrap());
        prop_assume!(price > 1e-250);
        let found = expiry.implied_volatility(Lanes::detect(), strike, right, price).unwrap();
        let theirs = ImpliedBlackVolatility::builder()
            .option_price(price)
            .forward(case.spot)
            .strike(strike)
            .expiry(case.time)
            .is_call(right == Right::Call)
            .build()
            .and_then(|of| of.calculate::<DefaultSpecialFn>())
            .unwrap();
        let eta = eta(price, case.sigma, vega);
        prop_assume!(eta < 1e-3);
        prop_assert!((found / theirs - 1.0).abs() <= 16.0 * eta, "{} {}: {:.1} eta", found, theirs, (found / theirs - 1.0).abs() / eta);
    }

    #[test]
    fn no_input_makes_a_number_of_nothing(
        numbers in prop::array::uniform6(prop_oneof![
            prop::num::f64::ANY,
            Just(0.0), Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(1e-308), Just(1e308), 0.0..2.0, 90.0..110.0
        ]),
        model in prop::sample::select(Model::ALL.to_vec()),
        right in prop::sample::select(vec![Right::Call, Right::Put]),
    ) {
        let [spot, rate, payout, time, strike, value] = numbers;
        let Ok(expiry) = Expiry::of_model(model, spot, rate, payout, time) else { return Ok(()) };
        for lanes in Lanes::available() {
            let greeks = expiry.greeks(lanes, strike, right, value);
            for greek in Greek::ALL {
                prop_assert!(greeks.get(greek).is_none_or(f64::is_finite));
            }
            let found = expiry.implied_volatility(lanes, strike, right, value);
            prop_assert!(found.is_err() || found.is_ok_and(|sigma| sigma > 0.0 && sigma.is_finite()));
            if value.is_nan() || strike.is_nan() || strike <= 0.0 {
                prop_assert_eq!(found, Err(Unsolved::BadInput));
                prop_assert!(greeks.get(Greek::Price).is_none() && greeks.get(Greek::Vega).is_none());
            }
        }
    }

    #[test]
    fn columns_have_the_bits_of_one_by_one(
        case in cases(),
        rows in prop::collection::vec((-4.0..4.0_f64, -0.1..1.0_f64, any::<bool>()), 0..40),
    ) {
        let expiry = case.expiry();
        let mut contracts = ContractColumns::default();
        let mut sigmas = Vec::new();
        for (away, sigma, is_call) in &rows {
            let strike = expiry.forward() * (away * case.sigma * case.time.sqrt()).exp();
            contracts.push(strike, if *is_call { Right::Call } else { Right::Put }).unwrap();
            // Some without volatility, some without a number.
            sigmas.push(if *sigma > 0.95 { f64::NAN } else if *sigma > 0.9 { 0.0 } else { *sigma });
        }
        let (mut all, mut first, mut pairs) = (AllGreeks::default(), FirstGreeks::default(), PairColumns::default());
        let mut implied = ImpliedColumns::default();
        all.resize(rows.len());
        first.resize(rows.len());
        pairs.resize(rows.len());
        implied.resize(rows.len());
        let strikes = contracts.all().strikes();
        for lanes in Lanes::available() {
            all.compute(lanes, &expiry, contracts.all(), &sigmas, 0);
            first.compute(lanes, &expiry, contracts.all(), &sigmas, 0);
            pairs.compute(lanes, &expiry, strikes, &sigmas, 0);
            let prices = all.column(Greek::Price).to_vec();
            implied.compute(lanes, &expiry, contracts.all(), &prices, 0);
            for row in 0..rows.len() {
                let right = if rows[row].2 { Right::Call } else { Right::Put };
                let alone = expiry.greeks(lanes, strikes[row], right, sigmas[row]);
                for greek in Greek::ALL {
                    let bits = |value: Option<f64>| value.map(f64::to_bits);
                    prop_assert_eq!(bits(all.get(greek, row)), bits(alone.get(greek)), "{:?} {:?}", lanes, greek);
                    if (greek as usize) < Greek::FIRST {
                        prop_assert_eq!(bits(first.get(greek, row)), bits(alone.get(greek)));
                        prop_assert_eq!(bits(pairs.get(right, greek, row)), bits(alone.get(greek)), "{:?} {:?}", lanes, greek);
                    }
                }
                let alone = expiry.implied_volatility(lanes, strikes[row], right, prices[row]);
                prop_assert_eq!(implied.get(row).map(f64::to_bits), alone.map(f64::to_bits));
            }
        }
    }
}

#[test]
fn a_divisor_that_overflows_settles_nothing() {
    // From the first guess the steps run off to where Newton's step is 1e154.
    let time = 20.752_857_294_450_92;
    let sigma = 0.517_004_582_279_499_1;
    let expiry = Expiry::of_model(Model::BlackScholes, 1.0, 0.0, 0.0, time).unwrap();
    let strike = (-3.880_647_805_215_504_7 * sigma * time.sqrt()).exp();
    for lanes in Lanes::available() {
        let price = expiry.greeks(lanes, strike, Right::Put, sigma).get(Greek::Price);
        let found = expiry.implied_volatility(lanes, strike, Right::Put, price.unwrap());
        assert!(
            (found.unwrap() / sigma - 1.0).abs() < 1e-13,
            "{lanes:?} {found:?}"
        );
    }
}

#[test]
fn hand_checked_points() {
    let near = |found: Option<f64>, expected: f64| {
        let found = found.unwrap();
        assert!(
            (found - expected).abs() < 6e-7 * expected.abs().max(1.0),
            "{found} {expected}"
        );
    };
    let trader = |greeks: &Greeks, greek: Greek| greeks.get(greek).map(|value| value * greek.trader_factor());
    let lanes = Lanes::detect();
    let call = Expiry::without_dividends(49.0, 0.05, 0.3846)
        .unwrap()
        .greeks(lanes, 50.0, Right::Call, 0.2);
    near(call.get(Greek::Price), 2.400461);
    near(call.get(Greek::Delta), 0.521602);
    near(call.get(Greek::Gamma), 0.06554538);
    assert!((call.get(Greek::Theta).unwrap() + 4.3054).abs() < 5e-5);
    near(trader(&call, Greek::Vega), 0.121052);
    near(trader(&call, Greek::Rho), 0.089066);
    let expiry = Expiry::without_dividends(24_000.0, 0.10, 7.0 / 365.25).unwrap();
    let call = expiry.greeks(lanes, 24_000.0, Right::Call, 0.12);
    near(call.get(Greek::Price), 182.936402);
    near(call.get(Greek::Delta), 0.549212);
    near(trader(&call, Greek::Theta), -14.843619);
    near(trader(&call, Greek::Vega), 13.153886);
    let put = expiry.greeks(lanes, 24_000.0, Right::Put, 0.12);
    near(put.get(Greek::Price), 136.984556);
    near(put.get(Greek::Delta), -0.450788);
    near(trader(&put, Greek::Theta), -8.280866);
}

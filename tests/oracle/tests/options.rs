//! Options against values computed with 80 digits, at the tolerances that the
//! goldens' README suggests.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use tickwire_market::Right;
use tickwire_options::{
    AllGreeks, ContractColumns, Expiry, FirstGreeks, Greek, ImpliedColumns, Lanes, Model,
};
use tickwire_oracle::Row;

/// Half a unit in the last place of 1.
const ROUNDING: f64 = 1.0 / 9_007_199_254_740_992.0;

/// What a row of the goldens asks.
struct Asked {
    expiry: Expiry,
    strike: f64,
    right: Right,
}

fn asked(row: &Row) -> Option<Asked> {
    let number = |name| row.number(name);
    let model = Model::ALL
        .into_iter()
        .find(|model| model.as_str() == row.text("model"))?;
    Some(Asked {
        expiry: Expiry::of_model(model, number("S")?, number("r")?, number("q")?, number("t")?).ok()?,
        strike: number("K")?,
        right: if row.text("flag") == "c" {
            Right::Call
        } else {
            Right::Put
        },
    })
}

/// The largest summand of a greek that is a sum which may cancel.
fn summand(row: &Row, greek: Greek) -> f64 {
    let number = |name: &str| row.number(name).unwrap();
    let (s, k, t, r, q, sigma) = (
        number("S"),
        number("K"),
        number("t"),
        number("r"),
        number("q"),
        number("sigma"),
    );
    let (payout, carry) = match row.text("model") {
        "B76" => (r, 0.0),
        "BS" => (0.0, r),
        _ => (q, r - q),
    };
    let deviation = sigma * t.sqrt();
    let d1 = ((s / k).ln() + carry * t) / deviation + deviation / 2.0;
    let d2 = d1 - deviation;
    let (carried, strike) = (s * (-payout * t).exp(), k * (-r * t).exp());
    let gamma = number("gamma").abs();
    let vega = number("vega").abs();
    let drift = (carry / deviation).abs() + (d2 / (2.0 * t)).abs();
    let shared = payout.abs() + d1.abs() * drift + 0.5 / t;
    let sides = number("dual_delta").abs() * k + number("delta").abs() * s;
    match greek {
        Greek::Price => sides,
        Greek::Delta => number("delta").abs(),
        Greek::Theta => vega * sigma / (2.0 * t) + payout.abs() * number("delta").abs() * s + r.abs() * sides,
        Greek::Rho => t * sides,
        Greek::Vanna | Greek::DualDelta | Greek::Epsilon => 0.0,
        Greek::Volga => vega * (d1 * d2).abs() / sigma,
        Greek::Charm => payout.abs() * number("delta").abs() + gamma * s * deviation * drift,
        Greek::Veta => vega * shared,
        Greek::Speed => gamma / s * (1.0 + (d1 / deviation).abs()),
        Greek::Zomma => gamma / sigma * (1.0 + (d1 * d2).abs()),
        Greek::Color => gamma * shared,
        Greek::Ultima => {
            vega / (sigma * sigma) * ((d1 * d2).abs() * ((d1 * d2).abs() + 1.0) + d1 * d1 + d2 * d2)
        }
        _ => (carried + strike) * 0.0,
    }
}

#[test]
fn greeks_are_those_of_eighty_digits() -> std::io::Result<()> {
    let rows = Row::golden("options/greeks")?;
    assert_eq!(rows.len(), 2_000);
    let mut failures = Vec::new();
    for row in &rows {
        let Asked {
            expiry,
            strike,
            right,
        } = asked(row).unwrap();
        let greeks = expiry.greeks(Lanes::detect(), strike, right, row.number("sigma").unwrap());
        let kappa = row.number("kappa").unwrap();
        for greek in Greek::ALL {
            let Some(golden) = row.number(greek.as_str()) else {
                assert_eq!((greek, greeks.get(greek)), (Greek::Epsilon, None));
                continue;
            };
            let Some(ours) = greeks.get(greek) else {
                failures.push(format!("{} {greek:?}: absent for {golden:e}", row.text("id")));
                continue;
            };
            let relative = (1e-13_f64).max(16.0 * ROUNDING * kappa) * golden.abs();
            let floor = 8.0 * ROUNDING * summand(row, greek);
            if (ours - golden).abs() > relative + floor + 1e-300
                && !(golden.abs() < f64::MIN_POSITIVE && ours == 0.0)
            {
                failures.push(format!(
                    "{} {} {greek:?}: {ours:e} for {golden:e}, off {:.1e} of {:.1e}",
                    row.text("id"),
                    row.text("kind"),
                    (ours - golden).abs() / golden.abs(),
                    (relative + floor) / golden.abs()
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of 34,000:\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
    Ok(())
}

#[test]
fn implied_volatilities_are_those_of_eighty_digits() -> std::io::Result<()> {
    let rows = Row::golden("options/iv")?;
    assert_eq!(rows.len(), 2_406);
    let mut failures = Vec::new();
    let (mut worst, mut above) = (0.0_f64, 0);
    for row in &rows {
        let Asked {
            expiry,
            strike,
            right,
        } = asked(row).unwrap();
        let price = row.number("price").unwrap();
        let ours = expiry.implied_volatility(Lanes::detect(), strike, right, price);
        let status = ours.map_or_else(|why| why.as_str(), |_| "ok");
        if status != row.text("status") {
            failures.push(format!(
                "{} {}: {status} for {}, {}",
                row.text("id"),
                row.text("kind"),
                row.text("status"),
                row.text("tv_ulps")
            ));
            continue;
        }
        let (Ok(ours), Some(golden)) = (ours, row.number("sigma")) else {
            continue;
        };
        let off = (ours / golden - 1.0).abs();
        let eta = 2.0 * ROUNDING * (1.0 + row.number("cond_price").unwrap());
        worst = worst.max(off / eta);
        above += i32::from(off > 16.0 * eta);
        let allowed = 8.0 * ROUNDING * (1.0 + row.number("cond_all").unwrap());
        if off > 16.0 * eta || off > allowed && allowed <= 0.1 {
            failures.push(format!(
                "{} {}: {ours:e} for {golden:e}, off {off:.1e} of {allowed:.1e}, {:.1} eta",
                row.text("id"),
                row.text("kind"),
                off / eta
            ));
        }
    }
    println!("worst {worst:.2} eta, {above} rows above 16");
    assert!(
        failures.is_empty(),
        "{} of 2,406:\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
    Ok(())
}

#[test]
fn limits_are_those_of_the_exact_forward() -> std::io::Result<()> {
    let rows = Row::golden("options/degenerate")?;
    assert_eq!(rows.len(), 120);
    for row in &rows {
        let Asked {
            expiry,
            strike,
            right,
        } = asked(row).unwrap();
        let greeks = expiry.greeks(Lanes::detect(), strike, right, row.number("sigma").unwrap());
        let carried = row.number("S").unwrap() + strike;
        for (greek, column) in [
            (Greek::Price, "price_limit"),
            (Greek::Delta, "delta_limit"),
            (Greek::Gamma, "gamma_limit"),
            (Greek::Vega, "vega_limit"),
        ] {
            let at = format!("{} {} {greek:?}", row.text("id"), row.text("kind"));
            match (greeks.get(greek), row.number(column)) {
                (Some(ours), Some(golden)) => {
                    let allowed = 4.0
                        * ROUNDING
                        * golden
                            .abs()
                            .max(if greek == Greek::Price { carried } else { 1.0 });
                    assert!((ours - golden).abs() <= allowed, "{at}: {ours:e} for {golden:e}");
                }
                (None, None) => assert_eq!(row.text(column), "inf_or_nan", "{at}"),
                (ours, _) => panic!("{at}: {ours:?} for {}", row.text(column)),
            }
        }
    }
    Ok(())
}

#[test]
fn every_path_gives_the_same_bits() -> std::io::Result<()> {
    let rows = Row::golden("options/greeks")?;
    let paths = Lanes::available();
    println!(
        "paths: {:?}",
        paths.iter().map(|path| path.name()).collect::<Vec<_>>()
    );
    // A chain of every strike and volatility in each of some expiries.
    let mut columns = ContractColumns::default();
    for row in &rows {
        let right = if row.text("flag") == "c" {
            Right::Call
        } else {
            Right::Put
        };
        columns.push(row.number("K").unwrap(), right).unwrap();
    }
    let contracts = columns.all();
    let (strikes, signs) = (contracts.strikes(), contracts.signs());
    let sigmas: Vec<f64> = rows.iter().map(|row| row.number("sigma").unwrap()).collect();
    for row in rows.iter().step_by(397) {
        let expiry = asked(row).unwrap().expiry;
        for path in &paths {
            let mut columns = AllGreeks::default();
            columns.resize(strikes.len());
            columns.compute(*path, &expiry, contracts, &sigmas, 0);
            let mut firsts = FirstGreeks::default();
            firsts.resize(strikes.len());
            firsts.compute(*path, &expiry, contracts, &sigmas, 0);
            let prices = columns.column(Greek::Price).to_vec();
            let mut implied = ImpliedColumns::default();
            implied.resize(strikes.len());
            implied.compute(*path, &expiry, contracts, &prices, 0);
            for at in 0..strikes.len() {
                let right = if signs[at] > 0.0 { Right::Call } else { Right::Put };
                let alone = expiry.greeks(paths[0], strikes[at], right, sigmas[at]);
                for greek in Greek::ALL {
                    let bits = alone.get(greek).map(f64::to_bits);
                    assert_eq!(
                        columns.get(greek, at).map(f64::to_bits),
                        bits,
                        "{path:?} {greek:?} {at}"
                    );
                    if (greek as usize) < Greek::FIRST {
                        assert_eq!(
                            firsts.get(greek, at).map(f64::to_bits),
                            bits,
                            "{path:?} {greek:?} {at}"
                        );
                    }
                }
                let alone = expiry.implied_volatility(paths[0], strikes[at], right, prices[at]);
                assert_eq!(
                    implied.get(at).map(f64::to_bits),
                    alone.map(f64::to_bits),
                    "{path:?} {at}"
                );
            }
        }
    }
    Ok(())
}

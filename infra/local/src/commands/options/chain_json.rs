//! A chain for machines: every field names its unit.

use serde_json::{Map, Value, json};
use tickwire_market::Right;
use tickwire_options::{Exercise, Greek, PriceSource, Slice, Unsolved, premium};

use super::Units;
use super::chain::View;

pub(super) fn json(view: &View) -> String {
    let settings = view.chain.settings();
    let expiries: Vec<Value> = view
        .chain
        .slices()
        .iter()
        .map(|slice| expiry(view, slice))
        .collect();
    json!({
        "underlying": view.name,
        "spot": view.spot,
        "at": view.at.to_string(),
        "rate_per_year": settings.curve.rate(0.0),
        "model": if settings.on_future { "B76" } else { "BSM" },
        "remarks": view.remarks,
        "expiries": expiries,
    })
    .to_string()
}

fn right_text(right: Right) -> &'static str {
    match right {
        Right::Call => "call",
        Right::Put => "put",
    }
}

fn expiry(view: &View, slice: &Slice) -> Value {
    let analytics = slice.analytics();
    let forward = slice.terms().map(|terms| {
        json!({
            "price": terms.forward(),
            "from": if slice.fitted_forward().is_some() { "parity" } else { "carry" },
            "strikes": slice.fitted_forward().map(|fitted| fitted.strikes),
        })
    });
    let buckets: Vec<Value> = analytics
        .buckets
        .iter()
        .map(|bucket| {
            json!({
                "delta": bucket.delta,
                "right": right_text(bucket.right),
                "strike": slice.strikes()[bucket.row],
                "iv": slice.volatility(bucket.row).ok(),
                "greeks": greeks(view, slice, bucket.right, bucket.row),
            })
        })
        .collect();
    let arbitrages: Vec<Value> = slice
        .arbitrages()
        .iter()
        .map(|found| {
            json!({"bound": found.bound.as_str(), "strike": slice.strikes()[found.row], "profit": found.profit})
        })
        .collect();
    let strikes: Vec<Value> = (0..slice.strikes().len())
        .map(|row| strike(view, slice, row))
        .collect();
    json!({
        "close": slice.close().to_string(),
        "years": slice.terms().map(|terms| terms.time()),
        "forward": forward,
        "discount": slice.terms().map(|terms| terms.discount()),
        "exercise_early": view.chain.settings().exercise == Exercise::American,
        "atm_iv": analytics.atm_volatility,
        "skew_25d": analytics.skew_25d,
        "butterfly_25d": analytics.butterfly_25d,
        "pcr_oi": analytics.pcr_open_interest,
        "pcr_volume": analytics.pcr_volume,
        "max_pain": analytics.max_pain,
        "buckets": buckets,
        "arbitrages": arbitrages,
        "strikes": strikes,
    })
}

/// The name of a greek with its unit.
pub(super) fn unit_name(greek: Greek, units: Units) -> String {
    let unit = match (greek, units) {
        (Greek::Theta, Units::Raw) => "_per_year",
        (Greek::Theta, Units::Trader) => "_per_day",
        (Greek::Vega | Greek::Rho, Units::Raw) => "_per_one",
        (Greek::Vega | Greek::Rho, Units::Trader) => "_per_point",
        _ => "",
    };
    format!("{}{unit}", greek.as_str())
}

fn greeks(view: &View, slice: &Slice, right: Right, row: usize) -> Map<String, Value> {
    Greek::ALL[1..Greek::FIRST]
        .iter()
        .map(|greek| {
            let value = slice.greeks().get(right, *greek, row);
            let value = value.map(|value| value * view.units.factor(*greek));
            (unit_name(*greek, view.units), json!(value))
        })
        .collect()
}

fn strike(view: &View, slice: &Slice, row: usize) -> Value {
    let volatility = slice.volatility(row);
    let source = slice.solved_from(row);
    let mut of = json!({
        "strike": slice.strikes()[row],
        "iv": volatility.ok(),
        "status": volatility.map_or_else(Unsolved::as_str, |_| "ok"),
        "solved_on": source.map(|(right, _)| right_text(right)),
        "price_source": source.map(|(_, source)| match source {
            PriceSource::Mid => "mid",
            PriceSource::Last => "last",
        }),
        "moneyness": slice.moneyness(row),
    });
    for right in [Right::Call, Right::Put] {
        let quote = &slice.quotes(right)[row];
        let theoretical = slice.theoretical().get(right, Greek::Price, row);
        let found = quote
            .price()
            .zip(theoretical)
            .and_then(|((price, _), theoretical)| premium(price, theoretical));
        let is_in = slice.terms().map(|terms| {
            let ahead = terms.forward() - slice.strikes()[row];
            if right == Right::Call {
                ahead > 0.0
            } else {
                ahead < 0.0
            }
        });
        let mut side = greeks(view, slice, right, row);
        side.insert("bid".to_owned(), json!(quote.bid));
        side.insert("ask".to_owned(), json!(quote.ask));
        side.insert("last".to_owned(), json!(quote.last));
        side.insert("volume".to_owned(), json!(quote.volume));
        side.insert("open_interest".to_owned(), json!(quote.open_interest));
        side.insert("in_the_money".to_owned(), json!(is_in));
        side.insert("theoretical".to_owned(), json!(theoretical));
        side.insert("premium".to_owned(), json!(found.map(|(premium, _)| premium)));
        side.insert(
            "severity".to_owned(),
            json!(found.map(|(_, severity)| severity.as_str())),
        );
        of[right_text(right)] = Value::Object(side);
    }
    of
}

//! Chains, and bars of options with Greeks.

use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_market::InstrumentKey;
use tickwire_service::testing_sockets::{House, NOW};
use tickwire_signals::{ChainTerms, ReferenceChange};
use tickwire_streams::StreamKey;

use super::{Answer, BTC, Router, api_on, ask, instrument, run, token};

const INDEX: &str = "DERIBIT@BTC@IDX";
const RATE: f64 = 0.05;

fn option(right: &str, strike: i32) -> InstrumentKey {
    format!("DERIBIT@BTC@OPT@2026-12-25@{right}@{strike}")
        .parse()
        .unwrap()
}

/// An index and six of its options, eleven minutes of ticks of each; a spot pair beside them.
fn world(terms: bool) -> (House, Router) {
    world_on(INDEX, terms, House::new())
}

fn world_on(underlying: &str, terms: bool, house: House) -> (House, Router) {
    let index: InstrumentKey = underlying.parse().unwrap();
    let streams = |key: &InstrumentKey| [StreamKey::price(key.clone())];
    run(house.know(&index, &streams(&index))).unwrap();
    run(house.know(&instrument(), &streams(&instrument()))).unwrap();
    let worth = [(90, 11.0, 1.0), (100, 5.0, 4.9), (110, 2.0, 11.5)];
    let mut quoted = Vec::new();
    for (strike, call, put) in worth {
        for (right, price) in [("CE", call), ("PE", put)] {
            run(house.know(&option(right, strike), &streams(&option(right, strike)))).unwrap();
            quoted.push((option(right, strike), price));
        }
    }
    if terms {
        let change = ReferenceChange::Chain {
            underlying: index.clone(),
            terms: ChainTerms {
                quote_stale: 1_000_000_000_000,
                ..ChainTerms::flat(RATE)
            },
        };
        run(house.refer(&index, change)).unwrap();
    }
    for round in 0..83 {
        run(house.tick(&index, 100.0 + f64::from(round % 2))).unwrap();
        for (key, price) in &quoted {
            run(house.tick(key, *price)).unwrap();
        }
        run(house.tick(&instrument(), 1.0)).unwrap();
        run(house.fold());
    }
    house.store.advance(std::time::Duration::from_secs(700));
    let router = api_on(&house);
    (house, router)
}

fn get(router: &Router, tier: Tier, address: &str) -> Answer {
    ask(router, "GET", address, Some(&token("asha", tier)))
}

#[test]
fn a_chain_of_the_next_expiry() {
    let (_house, router) = world(true);
    let chain = get(&router, Tier::Premium, &format!("/v1/chains/{INDEX}"));
    assert_eq!(chain.status, 200, "{}", chain.body);
    let body = &chain.body;
    assert_eq!(
        (&body["status"], &body["expiry"], &body["expiries"]),
        (&json!("ok"), &json!("2026-12-25"), &json!(["2026-12-25"]))
    );
    assert_eq!(
        (&body["rate_per_year"], &body["early_exercise"]),
        (&json!(RATE), &json!(false))
    );
    let strikes = body["strikes"].as_array().unwrap();
    assert_eq!(strikes.len(), 3);
    for row in strikes {
        for side in ["call", "put"] {
            assert_eq!(row[side]["iv_status"], "ok", "{row}");
            assert!(row[side]["gamma"].as_f64().unwrap() > 0.0, "{row}");
        }
        assert_eq!(row["call"]["iv"], row["put"]["iv"], "one volatility a strike");
    }
    // The same by its day, and once only where the reader has it.
    let address = format!("/v1/chains/{INDEX}?expiry=2026-12-25");
    let named = get(&router, Tier::Premium, &address);
    assert_eq!(named.text, chain.text);
    let tag = named.headers["etag"].to_str().unwrap();
    let token = token("asha", Tier::Premium);
    let again = super::ask_with(
        &router,
        "GET",
        &address,
        Some(&token),
        &[("if-none-match", tag)],
        None,
    );
    assert_eq!(again.status, 304);
}

#[test]
fn what_has_a_group_of_its_own_has_a_chain() {
    let perpetual = "DERIBIT@BTC@PERP";
    let chain = |baskets: &str| {
        let house = House::placed(baskets.parse().unwrap());
        let (_house, router) = world_on(perpetual, true, house);
        let chain = get(&router, Tier::Premium, &format!("/v1/chains/{perpetual}"));
        let key = option("CE", 100);
        let bars = get(
            &router,
            Tier::Premium,
            &format!("/v1/bars/{key}?timeframe=1m&greeks=true&limit=1"),
        );
        (chain, bars.body["bars"][0]["iv_status"].clone())
    };
    for baskets in ["8,DERIBIT@BTC@PERP", "DERIBIT=own"] {
        let (chain, of_bar) = chain(baskets);
        assert_eq!(
            (chain.status, &chain.body["status"]),
            (200, &json!("ok")),
            "{}",
            chain.body
        );
        assert_eq!(
            chain.body["strikes"][0]["call"]["iv_status"], "ok",
            "{}",
            chain.body
        );
        assert_eq!(of_bar, "ok");
    }
    let (chain, of_bar) = chain("8");
    assert_eq!((chain.status, chain.slug()), (404, "not_available"));
    assert_eq!(of_bar, "no_underlying");
}

#[test]
fn chains_that_are_not() {
    let (_house, router) = world(true);
    let check = |tier: Tier, address: &str, status: i64, slug: &str, message: &str| {
        let answer = get(&router, tier, &format!("/v1/chains/{address}"));
        assert_eq!(
            (answer.status, answer.slug()),
            (status, slug),
            "{address}: {}",
            answer.body
        );
        assert!(answer.text.contains(message), "{address}: {}", answer.body);
    };
    for expiry in ["2026-12-2", "2026-13-01", "tomorrow", "", "2026-12-25T00:00:00Z"] {
        let address = format!("{INDEX}?expiry={expiry}");
        check(Tier::Premium, &address, 400, "parameter_invalid", "expiry");
    }
    check(
        Tier::Premium,
        &format!("{INDEX}?expiry=2026-12-24"),
        400,
        "parameter_invalid",
        "2026-12-24",
    );
    check(Tier::Premium, "DERIBIT@ETH@IDX", 404, "instrument_unknown", "ETH");
    check(Tier::Premium, "nonsense", 400, "parameter_invalid", "");
    check(
        Tier::Premium,
        &format!("{INDEX}?day=2026-12-25"),
        400,
        "parameter_invalid",
        "",
    );
    check(
        Tier::Premium,
        BTC,
        404,
        "not_available",
        "among the baskets' setting",
    );
    for tier in [Tier::Free, Tier::Standard] {
        check(tier, INDEX, 403, "entitlement_required", "");
    }
    let (_house, router) = world(false);
    let answer = get(&router, Tier::Premium, &format!("/v1/chains/{INDEX}"));
    assert_eq!((answer.status, answer.slug()), (404, "not_available"));
    assert!(answer.text.contains("rates"), "{}", answer.body);
}

#[test]
fn bars_of_an_option_have_greeks_by_pages() {
    let (_house, router) = world(true);
    let key = option("CE", 100);
    let question = format!("/v1/bars/{key}?timeframe=1m&greeks=true");
    let rows = |answer: &Answer| -> Vec<Value> {
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["bars"].as_array().unwrap().clone()
    };
    let all = rows(&get(&router, Tier::Premium, &question));
    assert!(all.len() > 8, "{all:?}");
    assert!(all.iter().all(|row| row["iv_status"] == "ok"), "{all:?}");
    assert!(
        all.iter()
            .all(|row| (0.4..0.7).contains(&row["delta"].as_f64().unwrap()))
    );
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    for _ in 0..20 {
        let page = get(&router, Tier::Premium, &format!("{question}&limit=4{cursor}"));
        paged.extend(rows(&page));
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all, "a page's first bar is valued as within a page");
    // A cursor belongs to its own question.
    let plain = format!("/v1/bars/{key}?timeframe=1m");
    let other = get(&router, Tier::Premium, &format!("{plain}{cursor}"));
    assert_eq!((other.status, other.slug()), (400, "cursor_invalid"));
    let plain = rows(&get(&router, Tier::Free, &plain));
    assert_eq!(plain.len(), all.len());
    assert!(plain[0].get("iv").is_none(), "{}", plain[0]);
    let csv = super::ask_with(
        &router,
        "GET",
        &format!("{question}&limit=1&fields=end,iv,iv_status"),
        Some(&token("asha", Tier::Premium)),
        &[("accept", "text/csv")],
        None,
    );
    assert!(csv.text.starts_with("end,iv,iv_status"), "{}", csv.text);
}

#[test]
fn greeks_of_bars_that_are_refused() {
    let (_house, router) = world(true);
    let check = |tier: Tier, address: &str, status: i64, slug: &str| {
        let answer = get(&router, tier, &format!("/v1/bars/{address}"));
        assert_eq!(
            (answer.status, answer.slug()),
            (status, slug),
            "{address}: {}",
            answer.body
        );
    };
    let key = option("PE", 110);
    check(
        Tier::Free,
        &format!("{key}?timeframe=1m&greeks=true"),
        403,
        "entitlement_required",
    );
    check(
        Tier::Premium,
        &format!("{key}?timeframe=1m&greeks=yes"),
        400,
        "parameter_invalid",
    );
    check(
        Tier::Premium,
        &format!("{INDEX}?timeframe=1m&greeks=true"),
        400,
        "parameter_invalid",
    );
    check(
        Tier::Premium,
        &format!("{}?timeframe=1m&greeks=true", option("CE", 120)),
        404,
        "instrument_unknown",
    );
    check(
        Tier::Premium,
        &format!("{key}?timeframe=1m&fields=iv"),
        400,
        "parameter_invalid",
    );
    // Without rates there are bars all the same, and a status.
    let (_house, router) = world(false);
    let answer = get(
        &router,
        Tier::Premium,
        &format!("/v1/bars/{key}?timeframe=1m&greeks=true&limit=1"),
    );
    let row = &answer.body["bars"][0];
    assert_eq!(
        (&row["iv"], &row["iv_status"]),
        (&Value::Null, &json!("no_rate")),
        "{}",
        answer.body
    );
    assert!(row["end"].as_i64().unwrap() > NOW.0);
}

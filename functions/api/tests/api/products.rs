//! Products are made, published and retired, and what grants open follows.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::testing_sockets::{House, NOW};

use super::access::admin;
use super::{Answer, BTC, Router, ask, ask_with, token, world};

const JSON: (&str, &str) = ("content-type", "application/json");

fn tell(router: &Router, method: &str, address: &str, body: &Value) -> Answer {
    let body = body.to_string();
    ask_with(router, method, address, Some(&admin()), &[JSON], Some(&body))
}

/// What a user of the tier standard is told of streams of a product, by expression.
fn reads(router: &Router, product: &str, expressions: &[&str]) -> Vec<String> {
    let reader = token("asha", Tier::Standard);
    let read = |expression: &&str| {
        let address = format!("/v1/signals/{BTC}?key=marketplace/{product}:{BTC}:1m:{expression}");
        let answer = ask(router, "GET", &address, Some(&reader));
        match answer.status {
            200 => "ok".to_owned(),
            _ => answer.slug().to_owned(),
        }
    };
    expressions.iter().map(read).collect()
}

fn silver(house: &House, router: &Router, policy: &str) {
    let patterns = json!([format!("{BTC}:1m:sma(*)")]);
    let made = tell(
        router,
        "PUT",
        "/v1/products/silver",
        &json!({"patterns": patterns, "policy": policy}),
    );
    assert_eq!(made.status, 200, "{}", made.text);
    let until = NOW.0 + 3_600 * UnixNanos::PER_SECOND;
    let given = tell(
        router,
        "PUT",
        "/v1/grants/asha/silver",
        &json!({"until": until, "trial": true}),
    );
    assert_eq!((given.status, &given.body["version"]), (200, &json!(1)));
    assert_eq!(house.sockets.content().products["silver"].newest(), 1);
}

#[test]
fn what_a_grant_opens_follows_the_policy() {
    let check = |policy: &str, first: [&str; 2], second: [&str; 2], third: [&str; 2]| {
        let (house, router) = world();
        silver(&house, &router, policy);
        let read = || {
            house.store.advance(Duration::from_secs(3));
            reads(&router, "silver", &["sma(close,4)", "ema(close,4)"])
        };
        assert_eq!(read(), first, "{policy}");
        for (patterns, expected) in [
            (json!(["*:*:ema(*)"]), second),
            (json!(["*:1m:*", "*:5m:*"]), third),
        ] {
            let published = tell(
                &router,
                "POST",
                "/v1/products/silver",
                &json!({"patterns": patterns}),
            );
            assert_eq!(published.status, 200, "{}", published.text);
            assert_eq!(published.body["policy"], *policy);
            assert_eq!(read(), expected, "{policy}");
        }
    };
    let (sma, ema, both) = (["ok", "not_in_product"], ["not_in_product", "ok"], ["ok", "ok"]);
    check("locked", sma, sma, sma);
    check("range:1-2", sma, ema, ema);
    check("auto", sma, ema, both);
}

#[test]
fn a_product_that_is_retired_opens_nothing() {
    let (house, router) = world();
    silver(&house, &router, "auto");
    assert_eq!(reads(&router, "silver", &["sma(close,4)"]), ["ok"]);
    let retired = ask(&router, "DELETE", "/v1/products/silver", Some(&admin()));
    assert_eq!(
        (retired.status, &retired.body["retired_at"]),
        (200, &json!(NOW.0))
    );
    house.store.advance(Duration::from_secs(3));
    assert_eq!(reads(&router, "silver", &["sma(close,4)"]), ["not_in_product"]);
    // Twice is once, and nothing brings it back.
    let again = ask(&router, "DELETE", "/v1/products/silver", Some(&admin()));
    assert_eq!(again.body["retired_at"], json!(NOW.0));
    let version = json!({"patterns": ["*:*:*"]});
    for method in ["PUT", "POST"] {
        let answer = tell(&router, method, "/v1/products/silver", &version);
        assert_eq!((answer.status, answer.slug()), (400, "parameter_invalid"));
    }
    let grant = json!({"until": NOW.0 + 1_000 * UnixNanos::PER_SECOND});
    let given = tell(&router, "PUT", "/v1/grants/asha/silver", &grant);
    assert_eq!((given.status, given.slug()), (400, "parameter_invalid"));
    let given = tell(&router, "PUT", "/v1/grants/asha/none", &grant);
    assert_eq!((given.status, given.slug()), (404, "not_found"));

    let listed = ask(&router, "GET", "/v1/products", Some(&admin()));
    let names: Vec<&str> = listed.body["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["product"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["gold", "silver"]);
    let audit = ask(&router, "GET", "/v1/audit?day=2026-11-18", Some(&admin()));
    let actions: Vec<&str> = audit.body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    for action in ["retire_product", "give_grant", "create_product"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
}

#[test]
fn who_was_let_in_by_a_version_is_let_out_by_the_next() {
    let (house, router) = world();
    silver(&house, &router, "auto");
    assert_eq!(reads(&router, "silver", &["sma(close,4)"]), ["ok"]);
    let calls = |house: &House, name: &str| house.sockets.content().calls.get(name).copied().unwrap_or(0);
    let before = (calls(&house, "products"), calls(&house, "grants"));
    // What was read is kept, and read anew by whoever sees that something was changed.
    assert_eq!(reads(&router, "silver", &["sma(close,4)"]), ["ok"]);
    assert_eq!((calls(&house, "products"), calls(&house, "grants")), before);
    house.sockets.content().down.insert("products");
    house.store.advance(Duration::from_secs(300));
    assert_eq!(
        reads(&router, "silver", &["sma(close,4)"]),
        ["entitlement_unreadable"],
        "what cannot be read is denied"
    );
}

#[test]
fn what_is_hostile_is_refused() {
    let (house, router) = world();
    let check = |address: &str, body: Value, status: i64, slug: &str| {
        let answer = tell(&router, "PUT", address, &body);
        assert_eq!((answer.status, answer.slug()), (status, slug), "{address} {body}");
    };
    let silver = "/v1/products/silver";
    for pattern in [
        "",
        "*",
        "**:*:*",
        "(a+)+$:*:*",
        "*:*:*\u{0}",
        "*:*:é",
        "marketplace/gold:*:*:*",
        "../../x:*:*",
    ] {
        check(silver, json!({"patterns": [pattern]}), 400, "parameter_invalid");
    }
    check(silver, json!({"patterns": []}), 400, "parameter_invalid");
    check(
        silver,
        json!({"patterns": vec!["*:*:*"; 65]}),
        400,
        "parameter_invalid",
    );
    let long = format!("*:*:{}", "x".repeat(200));
    check(silver, json!({"patterns": [long]}), 400, "parameter_invalid");
    check(
        silver,
        json!({"patterns": ["*:*:*"], "policy": "range:2-1"}),
        400,
        "parameter_invalid",
    );
    check(silver, json!({"patterns": "*:*:*"}), 400, "message_malformed");
    check(silver, json!({}), 400, "message_malformed");
    let body = json!({"patterns": ["*:*:*"]});
    check("/v1/products/g%3Ald", body.clone(), 400, "parameter_invalid");
    check("/v1/products/gold", body, 400, "parameter_invalid");
    assert_eq!(house.sockets.content().products.len(), 1);
}

//! What admins do, and that nobody else does.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::{Role, sign_token_of};
use tickwire_service::ports::Secret;
use tickwire_service::testing_sockets::{NOW, SECRET};

use super::{Answer, BTC, Router, ask, ask_with, token, world};

pub(crate) fn admin() -> String {
    let secret = Secret::new(SECRET);
    let token = sign_token_of(
        &secret,
        "chief",
        Tier::Free,
        Role::Admin,
        Duration::from_secs(3_600),
        NOW,
    );
    token.unwrap().expose().to_owned()
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn put(router: &Router, address: &str, token: &str, body: &str) -> Answer {
    ask_with(router, "PUT", address, Some(token), &[JSON], Some(body))
}

#[test]
fn a_grant_is_given_and_taken_back() {
    let (house, router) = world();
    let admin = admin();
    let gold = format!("/v1/signals/{BTC}?key=marketplace/gold:{BTC}:1m:sma(close,4)");
    let reads = || ask(&router, "GET", &gold, Some(&token("asha", Tier::Standard))).status;
    let list = || {
        let answer = ask(&router, "GET", "/v1/grants/asha", Some(&admin));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    assert_eq!(list(), json!({"user": "asha", "grants": []}));
    assert_eq!(reads(), 403);

    let until = NOW.0 + 3_600 * UnixNanos::PER_SECOND;
    let given = put(
        &router,
        "/v1/grants/asha/gold",
        &admin,
        &json!({"until": until}).to_string(),
    );
    let grant = json!({"user": "asha", "product": "gold", "from": NOW.0, "until": until, "trial": false, "version": 1});
    assert_eq!((given.status, &given.body), (200, &grant));
    assert_eq!(list()["grants"], json!([grant]));
    assert_eq!(reads(), 200);

    house.store.advance(Duration::from_secs(60));
    let taken = ask(&router, "DELETE", "/v1/grants/asha/gold", Some(&admin));
    let ended = NOW.0 + 60 * UnixNanos::PER_SECOND;
    assert_eq!((taken.status, &taken.body["until"]), (200, &json!(ended)));
    assert_eq!(reads(), 403);
    // Twice is once.
    house.store.advance(Duration::from_secs(60));
    let again = ask(&router, "DELETE", "/v1/grants/asha/gold", Some(&admin));
    assert_eq!((again.status, &again.body["until"]), (200, &json!(ended)));
    assert_eq!(list()["grants"][0]["until"], ended);
    let none = ask(&router, "DELETE", "/v1/grants/asha/silver", Some(&admin));
    assert_eq!((none.status, none.slug()), (404, "not_found"));
}

#[test]
fn a_grant_that_has_not_begun_never_begins() {
    let (_house, router) = world();
    let admin = admin();
    let body = json!({"from": NOW.0 + 1_000, "until": NOW.0 + 2_000, "trial": true}).to_string();
    assert_eq!(
        put(&router, "/v1/grants/asha/gold", &admin, &body).body["trial"],
        json!(true)
    );
    let taken = ask(&router, "DELETE", "/v1/grants/asha/gold", Some(&admin));
    let span = (&taken.body["from"], &taken.body["until"]);
    assert_eq!(span, (&json!(NOW.0), &json!(NOW.0)));
}

#[test]
fn nobody_else_may() {
    let (house, router) = world();
    let until = json!({"until": NOW.0 + 1_000}).to_string();
    let routes = [
        ("GET", "/v1/grants/asha", None),
        ("PUT", "/v1/grants/asha/gold", Some(until.as_str())),
        // Nor is anyone told what is wrong with a body.
        ("PUT", "/v1/grants/asha/gold", Some("{")),
        ("DELETE", "/v1/grants/asha/gold", None),
        ("GET", "/v1/keys", None),
    ];
    for (method, address, body) in routes {
        let check = |token: Option<&str>, status: i64, slug: &str| {
            let answer = ask_with(&router, method, address, token, &[JSON], body);
            assert_eq!(
                (answer.status, answer.slug()),
                (status, slug),
                "{method} {address}"
            );
        };
        check(None, 401, "token_missing");
        check(Some("x"), 401, "token_invalid");
        check(Some(&token("asha", Tier::Enterprise)), 403, "role_required");
        // A name is no role.
        check(Some(&token("admin", Tier::Enterprise)), 403, "role_required");
    }
    assert!(house.sockets.content().grants.is_empty());
}

#[test]
fn bodies_and_names_are_read_strictly() {
    let (house, router) = world();
    let admin = admin();
    let check = |address: &str, body: Value, status: i64, slug: &str| {
        let answer = put(&router, address, &admin, &body.to_string());
        assert_eq!(
            (answer.status, answer.slug()),
            (status, slug),
            "{address} {body}: {}",
            answer.text
        );
    };
    let gold = "/v1/grants/asha/gold";
    let until = NOW.0 + 1_000;
    check(gold, json!({}), 400, "message_malformed");
    check(gold, json!([]), 400, "message_malformed");
    check(gold, json!({"until": "soon"}), 400, "message_malformed");
    check(gold, json!({"until": 1e300}), 400, "message_malformed");
    check(
        gold,
        json!({"until": until, "colour": "red"}),
        400,
        "message_malformed",
    );
    check(gold, json!({"until": NOW.0}), 400, "parameter_invalid");
    check(
        gold,
        json!({"until": until, "from": until}),
        400,
        "parameter_invalid",
    );
    check(
        gold,
        json!({"until": until, "from": -1}),
        400,
        "parameter_invalid",
    );
    check(
        "/v1/grants/a%20b/gold",
        json!({"until": until}),
        400,
        "parameter_invalid",
    );
    check(
        "/v1/grants/asha/g%3Ald",
        json!({"until": until}),
        400,
        "parameter_invalid",
    );
    check(
        "/v1/grants/asha/%FF",
        json!({"until": until}),
        400,
        "parameter_invalid",
    );
    let long = format!("/v1/grants/{}/gold", "a".repeat(65));
    check(&long, json!({"until": until}), 400, "parameter_invalid");

    let body = json!({"until": until}).to_string();
    for form in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let headers: Vec<_> = form.map(|form| ("content-type", form)).into_iter().collect();
        let answer = ask_with(&router, "PUT", gold, Some(&admin), &headers, Some(&body));
        assert_eq!(
            (answer.status, answer.slug()),
            (415, "media_type_unknown"),
            "{form:?}"
        );
    }
    let large = format!("{{\"until\": {until}, \"x\": \"{}\"}}", "x".repeat(70_000));
    let answer = put(&router, gold, &admin, &large);
    assert_eq!((answer.status, answer.slug()), (413, "message_too_large"));
    assert!(house.sockets.content().grants.is_empty());
}

#[test]
fn what_is_reserved_says_so() {
    let (_house, router) = world();
    // A function serves no metrics.
    let answer = ask(&router, "GET", "/metrics", None);
    assert_eq!((answer.status, answer.slug()), (404, "not_available"));
}

#[test]
fn a_broken_store_is_told_as_such() {
    let (house, router) = world();
    house.sockets.content().down.insert("put_grant");
    let body = json!({"until": NOW.0 + 1_000}).to_string();
    let answer = put(&router, "/v1/grants/asha/gold", &admin(), &body);
    assert_eq!((answer.status, answer.slug()), (503, "unavailable"));
    assert_eq!(answer.headers["retry-after"], "1");
}

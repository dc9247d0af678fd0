//! API keys, revocations, bans and limits, over the routes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tickwire_api::{Api, router};
use tickwire_entitlements::{Ban, Banned, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::limit_use::{LimitUse, attempts_per_minute_max};
use tickwire_service::testing_sockets::{House, NOW};
use tickwire_streams::Universe;

use super::access::admin;
use super::{Answer, Router, ask, ask_with, token, world};

const JSON: (&str, &str) = ("content-type", "application/json");

fn post(router: &Router, address: &str, body: &Value) -> Answer {
    let body = body.to_string();
    ask_with(router, "POST", address, Some(&admin()), &[JSON], Some(&body))
}

fn made(router: &Router, scopes: &[&str]) -> (String, String) {
    let until = NOW.0 + 86_400 * UnixNanos::PER_SECOND;
    let body = json!({"user": "asha", "tier": "premium", "scopes": scopes, "expires_at": until});
    let answer = post(router, "/v1/keys", &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&answer.body["key"]), text(&answer.body["row"]["prefix"]))
}

fn list(router: &Router) -> Value {
    ask(router, "GET", "/v1/keys?user=asha", Some(&admin())).body["keys"].clone()
}

#[test]
fn a_key_opens_what_its_scopes_say_until_it_is_taken_back() {
    let (house, router) = world();
    let (key, prefix) = made(&router, &["read"]);
    assert_eq!(list(&router)[0]["used_at"], Value::Null);
    let status = |method: &str, address: &str| ask(&router, method, address, Some(&key)).status;
    assert_eq!(status("GET", "/v1/instruments"), 200);
    assert_eq!(status("POST", "/v1/tickets"), 403);
    assert_eq!(status("GET", "/v1/keys?user=asha"), 403);
    assert_eq!(list(&router)[0]["used_at"], json!(NOW.0));
    // Nothing of the secret is kept, and nothing of it is told again.
    let secret = key.rsplit_once('_').unwrap().1;
    assert!(!format!("{:?}", house.sockets.content().keys).contains(secret));
    assert!(!list(&router).to_string().contains(secret));
    let wrong = format!("{}A", &key[..key.len() - 1]);
    for wrong in [wrong.as_str(), "twk_", "twk_0123456789abcdef_x"] {
        assert_eq!(
            ask(&router, "GET", "/v1/instruments", Some(wrong)).status,
            401,
            "{wrong}"
        );
    }
    let reads = house.sockets.content().calls["key"];
    assert_eq!(status("GET", "/v1/instruments"), 200);
    assert_eq!(
        house.sockets.content().calls["key"],
        reads,
        "a key that was seen costs no call"
    );

    let answer = ask(&router, "DELETE", &format!("/v1/keys/{prefix}"), Some(&admin()));
    assert_eq!(answer.status, 200, "{}", answer.text);
    house.store.advance(Duration::from_secs(3));
    assert_eq!(status("GET", "/v1/instruments"), 401);
    assert_ne!(list(&router)[0]["revoked_at"], Value::Null);
    let day = ask(&router, "GET", "/v1/audit?day=2026-11-18", Some(&admin()));
    let actions: Vec<&str> = day.body["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["revoke_key", "create_key"], "{}", day.text);
    assert!(!day.text.contains(secret));
}

#[test]
fn keys_manage_only_with_that_scope() {
    let (_house, router) = world();
    let (key, _) = made(&router, &["manage"]);
    assert_eq!(ask(&router, "GET", "/v1/bans", Some(&key)).status, 200);
    assert_eq!(ask(&router, "GET", "/v1/instruments", Some(&key)).status, 403);
}

#[test]
fn bodies_are_read_strictly() {
    let (house, router) = world();
    let until = NOW.0 + 1_000;
    let good = json!({"user": "asha", "tier": "free", "scopes": ["read"], "expires_at": until});
    let check = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        let answer = post(&router, "/v1/keys", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
    };
    check("user", json!("no name"));
    check("tier", json!("gold"));
    check("scopes", json!([]));
    check("scopes", json!(["write"]));
    check("expires_at", json!(NOW.0));
    check("expires_at", json!(NOW.0 + 367 * 86_400 * UnixNanos::PER_SECOND));
    check("colour", json!("red"));
    for body in [
        json!({}),
        json!({"user": "a", "token": "b"}),
        json!({"user": "a b"}),
    ] {
        assert_eq!(post(&router, "/v1/revocations", &body).status, 400, "{body}");
    }
    assert!(house.sockets.content().keys.is_empty());
    // What cannot be written down is not done.
    house.sockets.content().down.insert("add_audit");
    assert_eq!(post(&router, "/v1/keys", &good).status, 503);
    assert!(house.sockets.content().keys.is_empty());
}

#[test]
fn a_user_who_is_taken_back_opens_nothing_any_longer() {
    let (house, router) = world();
    let (key, _) = made(&router, &["read", "stream"]);
    let old = token("asha", Tier::Premium);
    let ticket = ask(&router, "POST", "/v1/tickets", Some(&old));
    assert_eq!(ticket.status, 200);
    let answer = post(&router, "/v1/revocations", &json!({"user": "asha"}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    house.store.advance(Duration::from_secs(3));
    for proof in [&old, &key] {
        assert_eq!(ask(&router, "GET", "/v1/instruments", Some(proof)).status, 401);
    }
    let other = token("ravi", Tier::Premium);
    assert_eq!(ask(&router, "GET", "/v1/instruments", Some(&other)).status, 200);
    let listed = ask(&router, "GET", "/v1/revocations", Some(&admin()));
    assert_eq!(listed.body["revocations"][0]["user"], "asha", "{}", listed.text);
}

/// A router with the limits of tiers.
fn limited(house: &House) -> Router {
    let limits = LimitUse::new(
        house.sockets.clone(),
        house.query.access.clone(),
        house.process.clone(),
    );
    let mut api = Api::new(
        house.query.clone(),
        house.sockets.clone(),
        house.process.clone(),
        house.process.clone(),
        (house.placement.clone(), Universe::live()),
        "tokens",
    );
    api.limits = Some(limits);
    router(Arc::new(api))
}

#[test]
fn requests_have_a_rate_and_say_what_is_left() {
    let (house, _) = world();
    let router = limited(&house);
    let free = token("asha", Tier::Free);
    let get = || ask(&router, "GET", "/v1/instruments", Some(&free));
    let first = get();
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(
        first.headers["ratelimit-policy"],
        r#""60s";q=60;w=60, "5s";q=25;w=5"#
    );
    assert_eq!(first.headers["ratelimit"], r#""requests";r=24;t=6"#);
    for _ in 0..24 {
        assert_eq!(get().status, 200);
    }
    let over = get();
    assert_eq!((over.status, over.slug()), (429, "requests_rate"));
    assert_eq!(over.headers["retry-after"], "6");
    assert_eq!(over.headers["ratelimit"], r#""requests";r=0;t=6"#);
    assert_eq!(
        ask(
            &router,
            "GET",
            "/v1/instruments",
            Some(&token("ravi", Tier::Free))
        )
        .status,
        200
    );
    house.store.advance(Duration::from_secs(6));
    assert_eq!(get().status, 200);
}

#[test]
fn who_guesses_is_banned_and_an_admin_can_see_and_lift_it() {
    let (house, _) = world();
    let router = limited(&house);
    for _ in 0..=attempts_per_minute_max {
        assert_eq!(ask(&router, "GET", "/v1/instruments", Some("x")).status, 401);
    }
    let banned = ask(&router, "GET", "/v1/instruments", Some("x"));
    assert_eq!((banned.status, banned.slug()), (429, "attempts_rate"));
    assert!(banned.headers.contains_key("retry-after"));
    // A right proof does not help from there either; an admin comes from elsewhere.
    assert_eq!(ask(&router, "GET", "/v1/instruments", Some(&admin())).status, 429);
    let mut event = super::sample("api-health");
    event["rawPath"] = "/v1/bans".into();
    event["headers"]["authorization"] = format!("Bearer {}", admin()).into();
    event["requestContext"]["http"]["sourceIp"] = "203.0.113.9".into();
    let bans = super::answer(&router, &event);
    assert_eq!(bans.body["bans"][0]["from"], "address", "{}", bans.text);
    let who = bans.body["bans"][0]["who"].as_str().unwrap().to_owned();
    event["rawPath"] = format!("/v1/bans/address/{who}").into();
    event["requestContext"]["http"]["method"] = "DELETE".into();
    assert_eq!(super::answer(&router, &event).status, 200);
    house.store.advance(Duration::from_secs(3));
    assert_eq!(ask(&router, "GET", "/v1/instruments", Some(&admin())).status, 200);
    // And lifts by itself.
    house.sockets.content().bans.push(Ban {
        of: Banned::Address(who),
        reason: "a test".to_owned(),
        at: NOW,
        until: UnixNanos(NOW.0 + 60 * UnixNanos::PER_SECOND),
    });
    house.sockets.content().access_epoch += 1;
    house.store.advance(Duration::from_secs(3));
    assert_eq!(ask(&router, "GET", "/v1/instruments", Some(&admin())).status, 429);
    house.store.advance(Duration::from_secs(60));
    assert_eq!(ask(&router, "GET", "/v1/instruments", Some(&admin())).status, 200);
}

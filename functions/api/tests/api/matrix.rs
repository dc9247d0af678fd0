//! Every route by every identity, and every stream class, as ACCESS.md says.

use std::collections::BTreeSet;
use std::time::Duration;

use tickwire_api::document;
use tickwire_entitlements::{Revocation, Revoked, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::{Role, sign_token_of};
use tickwire_service::ports::Secret;
use tickwire_service::testing::{AccessRequest, access_request, access_table as table};
use tickwire_service::testing_sockets::{House, NOW, SECRET};

use super::{Answer, BTC, Router, ask_with, world};

const JSON: (&str, &str) = ("content-type", "application/json");

fn signed(secret: &[u8], user: &str, tier: Tier, role: Role, now: UnixNanos) -> String {
    let secret = Secret::new(secret);
    let token = sign_token_of(&secret, user, tier, role, Duration::from_secs(600), now);
    token.unwrap().expose().to_owned()
}

/// The proof of an identity of the tables.
fn proof(identity: &str) -> Option<String> {
    let of = |user: &str, tier: Tier, role: Role| Some(signed(SECRET, user, tier, role, NOW));
    match identity {
        "none" => None,
        "forged" => Some(signed(&[7; 32], "asha", Tier::Enterprise, Role::Admin, NOW)),
        "expired" => {
            let then = UnixNanos(NOW.0 - 700 * UnixNanos::PER_SECOND);
            Some(signed(SECRET, "asha", Tier::Enterprise, Role::Admin, then))
        }
        "audience" => Some(OTHER_AUDIENCE.to_owned()),
        "revoked" => of("gone", Tier::Enterprise, Role::Admin),
        "author" => of("asha", Tier::Enterprise, Role::Author),
        "admin" => of("asha", Tier::Enterprise, Role::Admin),
        tier => of("asha", tier.parse().unwrap(), Role::User),
    }
}

fn house() -> (House, Router) {
    let (house, router) = world();
    house.sockets.grant_as_the_tables_say();
    {
        let mut content = house.sockets.content();
        content.revocations.push(Revocation {
            of: Revoked::User("gone".to_owned()),
            at: NOW,
            until: UnixNanos(i64::MAX),
        });
    }
    (house, router)
}

fn asked(router: &Router, route: &str, proof: Option<&str>) -> Answer {
    let AccessRequest {
        method,
        address,
        body,
    } = access_request(route, NOW);
    let headers: &[_] = if body.is_some() { &[JSON] } else { &[] };
    ask_with(router, &method, &address, proof, headers, body.as_deref())
}

#[test]
fn every_route_is_in_the_table() {
    let listed: BTreeSet<String> = table("Routes").into_iter().map(|(route, _)| route).collect();
    let document = serde_json::to_value(document()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            routes.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_eq!(listed, routes);
}

#[test]
fn every_route_answers_every_identity_as_the_table_says() {
    let (_house, router) = house();
    let mut wrong = Vec::new();
    let rows = table("Routes");
    assert!(!rows.is_empty());
    for (route, cells) in rows {
        assert_eq!(cells.len(), 11, "{route}");
        for (identity, expected) in cells {
            let answer = asked(&router, &route, proof(&identity).as_deref());
            if answer.status.to_string() != expected {
                wrong.push(format!(
                    "{route} by {identity}: {} {}",
                    answer.status, answer.text
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_stream_class_is_judged_as_the_table_says() {
    let (_house, router) = house();
    let mut wrong = Vec::new();
    let rows = table("Streams");
    assert!(!rows.is_empty());
    for (stream, cells) in rows {
        for (identity, expected) in cells {
            let address = format!("/v1/signals/{BTC}?key={stream}");
            let answer = ask_with(&router, "GET", &address, proof(&identity).as_deref(), &[], None);
            let found = if answer.status == 200 { "ok" } else { answer.slug() };
            if found != expected {
                wrong.push(format!("{stream} by {identity}: {found} {}", answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Signed with the right secret for the audience `other`, of a user who may do all.
const OTHER_AUDIENCE: &str = concat!(
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhc2hhIiwidGllciI6ImVudGVycHJpc2UiLCJpYXQ",
    "iOjE3OTUwMDAwMDAsIm5iZiI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAwNjAwLCJpc3MiOiJ0aWNrd2lyZSIsImF",
    "1ZCI6Im90aGVyIiwicm9sZSI6ImFkbWluIn0.kvVw8kPCeDtEOCNy5ce4luVX1nv0D-vpmOKH0LzXCwo",
);

//! Every operation by every identity, and every stream class, as ACCESS.md says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tickwire_entitlements::{Revocation, Revoked, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::testing::{access_message, access_table as table};
use tickwire_service::testing_sockets::{House, NOW};

use super::world::{answer, house, run};

const CONNECTION: &str = "matrix";

/// Opens a socket for an identity; why there is none, if there is none.
fn connect(house: &House, identity: &str) -> Option<String> {
    let mut event: Value =
        serde_json::from_str(include_str!("../../../../events/socket-connect.json")).unwrap();
    event["requestContext"]["connectionId"] = CONNECTION.into();
    let fields = &mut event["requestContext"]["authorizer"];
    match identity {
        // The authorizer lets none of these in; without its word nobody is.
        "none" | "forged" | "audience" => *fields = json!({}),
        "expired" => fields["expires_at_ms"] = NOW.millis().to_string().into(),
        "author" | "admin" | "revoked" => fields["tier"] = "enterprise".into(),
        tier => fields["tier"] = tier.parse::<Tier>().unwrap().to_string().into(),
    }
    let (status, body) = answer(house, event);
    if status != 200 {
        let body: Value = serde_json::from_str(&body).unwrap();
        return Some(body["error"]["slug"].as_str().unwrap().to_owned());
    }
    if identity == "revoked" {
        let mut content = house.sockets.content();
        content.access_epoch += 1;
        content.revocations.push(Revocation {
            of: Revoked::User("asha".to_owned()),
            at: NOW,
            until: UnixNanos(i64::MAX),
        });
        drop(content);
        house.store.advance(std::time::Duration::from_secs(3));
    }
    None
}

fn say(house: &House, message: &Value) -> Value {
    let reply = run(house.subscriptions.request(CONNECTION, &message.to_string()));
    serde_json::from_str(&reply).unwrap()
}

fn told(reply: &Value) -> String {
    match &reply["err"]["slug"] {
        Value::String(slug) => slug.clone(),
        _ => "ok".to_owned(),
    }
}

#[test]
fn every_operation_answers_every_identity_as_the_table_says() {
    let rows = table("Operations of the socket");
    let listed: BTreeSet<&str> = rows.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(
        listed,
        ["hello", "list", "ping", "subscribe", "unsubscribe"].into()
    );
    for (operation, cells) in &rows {
        assert_eq!(cells.len(), 11, "{operation}");
        for (identity, expected) in cells {
            let house = house();
            let found = connect(&house, identity).unwrap_or_else(|| {
                let greets = operation == "hello";
                if !greets {
                    say(&house, &json!({"id": 1, "op": "hello"}));
                }
                let mut message: Value = serde_json::from_str(&access_message(operation)).unwrap();
                message["id"] = 2.into();
                told(&say(&house, &message))
            });
            assert_eq!(found, *expected, "{operation} by {identity}");
        }
    }
}

#[test]
fn every_stream_class_is_judged_as_the_table_says() {
    let rows = table("Streams");
    assert!(!rows.is_empty());
    for (stream, cells) in rows {
        for (identity, expected) in cells {
            let house = house();
            house.sockets.grant_as_the_tables_say();
            assert_eq!(connect(&house, &identity), None, "{identity}");
            say(&house, &json!({"id": 1, "op": "hello"}));
            let streams = json!([{"key": stream, "s": 1}]);
            let reply = say(&house, &json!({"id": 2, "op": "subscribe", "streams": streams}));
            let found = told(&reply["ok"]["streams"][0]);
            assert_eq!(found, expected, "{stream} by {identity}: {reply}");
        }
    }
}

//! The tables of ACCESS.md.

use serde_json::{Value, json};
use tickwire_end_to_end::socket::{Socket, told};
use tickwire_service::testing::{AccessRequest, access_message, access_request, access_table as table};

use crate::raw;
use crate::running::{BTC, Running, claims, signed};

pub(crate) async fn every_route_answers_every_identity(running: &Running) {
    let mut wrong = Vec::new();
    let rows = table("Routes");
    assert!(rows.len() > 25);
    for identity in rows[0].1.keys() {
        let revoked = running.proof(identity, "someone");
        for (nth, (route, cells)) in rows.iter().enumerate() {
            // A few requests a user, as many as the lowest tier may ask at once.
            let proof = match identity.as_str() {
                "none" | "revoked" => revoked.clone(),
                _ => running.proof(identity, &format!("reader-{identity}-{}", nth % 4)),
            };
            let AccessRequest {
                method,
                address,
                body,
            } = access_request(route, tickwire::now());
            let answer = running
                .ask(&method, &address, proof.as_deref(), body.as_deref())
                .await;
            // Of a machine's own host, metrics are served.
            let expected = match route.as_str() {
                "GET /metrics" => "200",
                _ => cells[identity].as_str(),
            };
            if answer.status.to_string() != expected {
                wrong.push(format!(
                    "{route} by {identity}: {} {}",
                    answer.status,
                    answer.text.chars().take(400).collect::<String>()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Opens a socket of an identity; why there is none, if there is none.
async fn socket(running: &Running, identity: &str, user: &str) -> Result<Socket, String> {
    match identity {
        // Nobody gives these a ticket, so they try without one of ours.
        "none" => raw::socket(running.port, running.address(), None).await,
        "forged" | "audience" => {
            let refused = running.ticket(&running.proof(identity, user).unwrap()).await;
            assert_eq!(refused.unwrap_err(), "token_invalid", "{identity}");
            let made_up = "A".repeat(43);
            raw::socket(running.port, running.address(), Some(&made_up)).await
        }
        _ => running.socket(&running.proof(identity, user).unwrap()).await,
    }
}

fn message(operation: &str) -> Value {
    serde_json::from_str(&access_message(operation)).unwrap()
}

pub(crate) async fn every_operation_answers_every_identity(running: &Running) {
    let rows = table("Operations of the socket");
    assert_eq!(rows.len(), 5);
    let mut wrong = Vec::new();
    // Sockets that stand, and are then taken back together.
    let mut taken_back = Vec::new();
    // Tickets of identities that end before they are used.
    let mut short_lived = Vec::new();
    for (operation, cells) in &rows {
        let mut short = claims(&format!("short-{operation}"), "enterprise", "user");
        short["exp"] = (short["iat"].as_i64().unwrap() + 3).into();
        let ticket = running
            .ticket(&signed(running.key.expose(), &short))
            .await
            .unwrap();
        short_lived.push((operation, cells["expired"].clone(), ticket));
        let user = format!("socket-{operation}");
        let token = claims(&user, "enterprise", "user");
        let mut socket = running
            .socket(&signed(running.key.expose(), &token))
            .await
            .unwrap();
        socket.hello().await.unwrap().unwrap();
        let whose = json!({"token": token["jti"]});
        running
            .admin("POST", "/v1/revocations", Some(&whose.to_string()))
            .await;
        taken_back.push((operation, cells["revoked"].clone(), socket));
    }
    for (operation, cells) in &rows {
        for (identity, expected) in cells {
            if identity == "revoked" || identity == "expired" {
                continue;
            }
            let user = format!("socket-{identity}-{operation}");
            let found = match socket(running, identity, &user).await {
                Err(why) => why,
                Ok(mut socket) => {
                    if operation != "hello" {
                        socket.hello().await.unwrap().unwrap();
                    }
                    told(&socket.ask(message(operation)).await.unwrap().unwrap())
                }
            };
            if found != *expected {
                wrong.push(format!("{operation} by {identity}: {found}, not {expected}"));
            }
        }
    }
    // In force everywhere within 3 s; and so long lives who is short-lived.
    tokio::time::sleep(std::time::Duration::from_millis(3_100)).await;
    for (operation, expected, mut socket) in taken_back {
        let found = socket.ask(message(operation)).await.unwrap();
        // Its goodbye may be all that comes.
        let found = found.map_or_else(|| "session_expired".to_owned(), |reply| told(&reply));
        if found != expected {
            wrong.push(format!("{operation} by revoked: {found}, not {expected}"));
        }
    }
    for (operation, expected, ticket) in short_lived {
        let opened = raw::socket(running.port, running.address(), Some(&ticket)).await;
        let found = opened.err().unwrap_or_else(|| "ok".to_owned());
        // The store forgets a ticket with the identity it was made of: then it is none any longer.
        if found != expected && found != "ticket_invalid" {
            wrong.push(format!("{operation} by expired: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

pub(crate) async fn every_stream_is_judged(running: &Running) {
    let rows = table("Streams");
    assert!(rows.len() >= 9);
    let mut wrong = Vec::new();
    // All are of one user: the lower a tier's rate, the earlier it asks.
    for identity in ["free", "standard", "premium", "enterprise", "author", "admin"] {
        let token = running.proof(identity, "asha").unwrap();
        let mut socket = running.socket(&token).await.unwrap();
        socket.hello().await.unwrap().unwrap();
        let streams: Vec<Value> = (1..)
            .zip(&rows)
            .map(|(s, (key, _))| json!({"key": key, "s": s}))
            .collect();
        let reply = socket
            .ask(json!({"op": "subscribe", "streams": streams}))
            .await
            .unwrap()
            .unwrap();
        for (nth, (stream, cells)) in rows.iter().enumerate() {
            let expected = &cells[identity];
            let found = told(&reply["ok"]["streams"][nth]);
            if found != *expected {
                wrong.push(format!(
                    "subscribe to {stream} by {identity}: {found}, not {expected}"
                ));
            }
            let address = format!("/v1/signals/{BTC}?key={}", stream.replace('>', "%3E"));
            let answer = running.ask("GET", &address, Some(&token), None).await;
            let found = if answer.status == 200 {
                "ok".to_owned()
            } else {
                answer.slug()
            };
            if found != *expected {
                wrong.push(format!("GET {stream} by {identity}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

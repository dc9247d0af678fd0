//! The tables of ACCESS.md.

use serde_json::{Value, json};
use tickwire_service::testing::access_table as table;

use crate::raw::Socket;
use crate::running::{BTC, Running, claims, signed};

/// The proof of an identity of the tables. Of the tiers' own users, as each has its rate.
fn proof(running: &Running, identity: &str, user: &str) -> Option<String> {
    let key = running.key.expose();
    match identity {
        "none" => None,
        "forged" => Some(signed(&[7; 32], &claims(user, "enterprise", "admin"))),
        "expired" => {
            let mut old = claims(user, "enterprise", "admin");
            for name in ["iat", "nbf", "exp"] {
                old[name] = (old[name].as_i64().unwrap() - 700).into();
            }
            Some(signed(key, &old))
        }
        "audience" => {
            let mut other = claims(user, "enterprise", "admin");
            other["aud"] = "other".into();
            Some(signed(key, &other))
        }
        // Of before it was taken back.
        "revoked" => {
            let mut gone = claims("gone", "enterprise", "admin");
            for name in ["iat", "nbf"] {
                gone[name] = (gone[name].as_i64().unwrap() - 60).into();
            }
            Some(signed(key, &gone))
        }
        "author" | "admin" => Some(running.token(user, "enterprise", identity)),
        tier => Some(running.token(user, tier, "user")),
    }
}

/// A route's address and body as a client would send them.
fn request(route: &str) -> (&str, String, Option<Value>) {
    let (method, path) = route.split_once(' ').unwrap();
    let until = tickwire::now().0 + 1_000_000_000_000;
    // What is given and taken here is nobody's of the other tables.
    let product = if method == "DELETE" && path.starts_with("/v1/products") {
        "nobody"
    } else {
        "gold"
    };
    let address = path
        .replace("{instrument}", BTC)
        .replace("{underlying}", BTC)
        .replace("{user}", "someone")
        .replace("{product}", product)
        .replace("{prefix}", "0123456789abcdef")
        .replace("{from}", "address")
        .replace("{who}", "192.0.2.1")
        .replace("{queue}", "ticks")
        .replace("{id}", "nobody");
    let (query, body) = match route {
        "GET /v1/bars/{instrument}" => ("?timeframe=1m", None),
        "GET /v1/keys" => ("?user=someone", None),
        "GET /v1/audit" => ("?day=2026-11-18", None),
        "POST /v1/keys" => (
            "",
            Some(json!({"user": "someone", "tier": "free", "scopes": ["read"], "expires_at": until})),
        ),
        "POST /v1/revocations" => ("", Some(json!({"token": "nobody"}))),
        "POST /v1/dead-letters/{queue}" => ("", Some(json!({"oldest": 1}))),
        "PUT /v1/products/{product}" => ("", Some(json!({"patterns": ["*:1m:*"]}))),
        "POST /v1/products/{product}" => ("", Some(json!({"patterns": [format!("{BTC}:1m:*")]}))),
        "PUT /v1/grants/{user}/{product}" => ("", Some(json!({"until": until}))),
        _ => ("", None),
    };
    (method, address + query, body)
}

pub(crate) async fn every_route_answers_every_identity(running: &Running) {
    let mut wrong = Vec::new();
    let rows = table("Routes");
    assert!(rows.len() > 25);
    for identity in rows[0].1.keys() {
        let revoked = proof(running, identity, "someone");
        for (nth, (route, cells)) in rows.iter().enumerate() {
            // A few requests a user, as many as the lowest tier may ask at once.
            let proof = match identity.as_str() {
                "none" | "revoked" => revoked.clone(),
                _ => proof(running, identity, &format!("reader-{identity}-{}", nth % 4)),
            };
            let (method, address, body) = request(route);
            let answer = running
                .ask(method, &address, proof.as_deref(), body.as_ref())
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
        "none" => Socket::open(running.port, running.address(), None).await,
        "forged" | "audience" => {
            let refused = running.ticket(&proof(running, identity, user).unwrap()).await;
            assert_eq!(refused.unwrap_err(), "token_invalid", "{identity}");
            let made_up = "A".repeat(43);
            Socket::open(running.port, running.address(), Some(&made_up)).await
        }
        "author" | "admin" => running.socket(&running.token(user, "enterprise", identity)).await,
        tier => running.socket(&running.token(user, tier, "user")).await,
    }
}

fn told(reply: &Value) -> String {
    match &reply["err"]["slug"] {
        Value::String(slug) => slug.clone(),
        _ => "ok".to_owned(),
    }
}

fn message(operation: &str) -> Value {
    match operation {
        "subscribe" => json!({
            "op": "subscribe", "streams": [{"key": format!("public:{BTC}:tick:price"), "s": 1}],
        }),
        "unsubscribe" => json!({"op": "unsubscribe", "s": [1]}),
        "ping" => json!({"op": "ping", "at": {}}),
        other => json!({"op": other}),
    }
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
        socket.hello().await.unwrap();
        let whose = json!({"token": token["jti"]});
        running.admin("POST", "/v1/revocations", Some(&whose)).await;
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
                        socket.hello().await.unwrap();
                    }
                    told(&socket.ask(message(operation)).await.unwrap())
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
        let found = socket.ask(message(operation)).await;
        // Its goodbye may be all that comes.
        let found = found.map_or_else(|| "session_expired".to_owned(), |reply| told(&reply));
        if found != expected {
            wrong.push(format!("{operation} by revoked: {found}, not {expected}"));
        }
    }
    for (operation, expected, ticket) in short_lived {
        let opened = Socket::open(running.port, running.address(), Some(&ticket)).await;
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
        let token = match identity {
            "author" | "admin" => running.token("asha", "enterprise", identity),
            tier => running.token("asha", tier, "user"),
        };
        let mut socket = running.socket(&token).await.unwrap();
        socket.hello().await.unwrap();
        let streams: Vec<Value> = (1..)
            .zip(&rows)
            .map(|(s, (key, _))| json!({"key": key, "s": s}))
            .collect();
        let reply = socket
            .ask(json!({"op": "subscribe", "streams": streams}))
            .await
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

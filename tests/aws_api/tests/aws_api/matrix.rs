//! The tables of ACCESS.md through the gateways, every cell, within the functions' roles.
//!
//! Two things are the gateways' own: who sends no proof is answered 401, and whom the authorizer
//! does not let in 403, with no word of ours in either; and metrics are not served.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tickwire_aws_api::Failure;
use tickwire_aws_api::http::{Answer, Request};
use tickwire_aws_api::stack::Stack;
use tickwire_end_to_end::identities::{claims, proof, signed};
use tickwire_end_to_end::socket::{Socket, told};
use tickwire_entitlements::Usage;
use tickwire_service::ports::{Secret, UsageRows as _};
use tickwire_service::testing::{
    ACCESS_INSTRUMENT, AccessRequest, access_message, access_preparation, access_request, access_table,
};

use crate::access::open;
use crate::wait::ensure;

/// In force everywhere by then: 3 s, and some.
const IN_FORCE: Duration = Duration::from_millis(3_100);
/// How often an address may be wrong is 20 times a minute, and others are wrong here too.
const WRONG_AT_ONCE: usize = 8;

async fn ask(stack: &Stack, asked: &AccessRequest, proof: Option<&str>) -> Result<Answer, Failure> {
    let method: Method = asked.method.parse().map_err(Failure::of("read a method"))?;
    let mut request = Request::new(method);
    if let Some(proof) = proof {
        request = request.header("authorization", format!("Bearer {proof}"));
    }
    if let Some(body) = &asked.body {
        request = request
            .header("content-type", "application/json")
            .body(body.clone());
    }
    stack.ask(&asked.address, request).await
}

/// All come from one address here, which would be banned: what it did wrong is forgotten.
async fn forgive(stack: &Stack) -> Result<(), Failure> {
    let (name, store) = ("attempts#127.0.0.1", &stack.store);
    let failed = || Failure::of("forget failed attempts");
    let mut stands = store.usage(name).await.map_err(failed())?;
    while let Some(was) = stands {
        let swapped = store.swap_usage(name, Some(&was), &Usage::default()).await;
        stands = swapped.map_err(failed())?.err().flatten();
    }
    Ok(())
}

/// What an admin may do is done.
async fn manage(stack: &Stack, key: &Secret, asked: &AccessRequest) -> Result<(), Failure> {
    let admin = proof(key, "admin", "chief")?;
    let answer = ask(stack, asked, admin.as_deref()).await?;
    let said = format!("{asked:?}: {} {}", answer.status, answer.text());
    ensure(answer.status == 200, said)
}

/// What the tables speak of.
pub(crate) async fn prepare(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    for asked in access_preparation(tickwire::now()) {
        manage(stack, key, &asked).await?;
    }
    tokio::time::sleep(IN_FORCE).await;
    Ok(())
}

/// Every route by every identity.
pub(crate) async fn routes(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let rows = access_table("Routes");
    let mut wrong = Vec::new();
    let mut tried = 0;
    for identity in rows[0].1.keys() {
        for (nth, (route, cells)) in rows.iter().enumerate() {
            if nth % WRONG_AT_ONCE == 0 {
                forgive(stack).await?;
            }
            // A few requests a user, as many as the lowest tier may ask at once.
            let proof = proof(key, identity, &format!("reader-{identity}-{}", nth % 4))?;
            let answer = ask(stack, &access_request(route, tickwire::now()), proof.as_deref()).await?;
            let expected = match cells[identity].as_str() {
                "401" if identity != "none" => "403",
                expected => expected,
            };
            tried += 1;
            if answer.status.to_string() != expected {
                let said = format!("{} {}", answer.status, answer.text());
                wrong.push(format!("{route} by {identity}: {said}, and not {expected}"));
            }
        }
    }
    println!("        {tried} requests");
    ensure(wrong.is_empty(), wrong.join("\n"))
}

async fn ticket(stack: &Stack, proof: &str) -> Result<String, Failure> {
    let answer = stack.api(Method::POST, "/v1/tickets", Some(proof)).await?;
    let ticket = answer.json()["ticket"].as_str().map(str::to_owned);
    ticket.ok_or_else(|| Failure::Process(format!("no ticket: {} {}", answer.status, answer.text())))
}

/// A socket that was greeted.
async fn socket(stack: &Stack, proof: &str) -> Result<Socket, Failure> {
    let ticket = ticket(stack, proof).await?;
    let opened = open(stack, Some(&ticket)).await?;
    opened.map_err(|refused| Failure::Process(format!("no socket: {refused:?}")))
}

async fn say(socket: &mut Socket, operation: &str) -> Result<String, Failure> {
    let message: Value =
        serde_json::from_str(&access_message(operation)).map_err(Failure::of("read a message"))?;
    // A goodbye may be all that comes.
    let reply = socket.ask(message).await?;
    Ok(reply.map_or_else(|| "session_expired".to_owned(), |reply| told(&reply)))
}

/// Every operation by every identity.
pub(crate) async fn operations(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let rows = access_table("Operations of the socket");
    let mut wrong = Vec::new();
    // It ends before its ticket is used.
    let mut short = claims("short", "enterprise", "user");
    short["exp"] = (short["iat"].as_i64().unwrap_or_default() + 3).into();
    let expired = ticket(stack, &signed(key.expose(), &short)?).await?;
    let going = claims("going", "enterprise", "user");
    let token = signed(key.expose(), &going)?;
    let mut revoked = Vec::new();
    for (operation, _) in &rows {
        let mut socket = socket(stack, &token).await?;
        if operation != "hello" {
            let _ = socket.hello().await?;
        }
        revoked.push(socket);
    }
    let take_back = AccessRequest {
        method: "POST".to_owned(),
        address: "/v1/revocations".to_owned(),
        body: Some(json!({"token": going["jti"]}).to_string()),
    };
    manage(stack, key, &take_back).await?;
    tokio::time::sleep(IN_FORCE).await;

    for identity in rows[0].1.keys() {
        forgive(stack).await?;
        let made_up = "A".repeat(43);
        // Why there is no socket is not told through the gateway.
        let closed = match identity.as_str() {
            "none" => Some((None, 401)),
            "forged" | "audience" => {
                let proof = proof(key, identity, "nobody")?;
                let answer = stack.api(Method::POST, "/v1/tickets", proof.as_deref()).await?;
                if answer.status != 403 {
                    wrong.push(format!("a ticket for {identity}: {}", answer.status));
                }
                Some((Some(made_up.as_str()), 403))
            }
            "expired" => Some((Some(expired.as_str()), 403)),
            _ => None,
        };
        if let Some((ticket, status)) = closed {
            let found = open(stack, ticket)
                .await?
                .map_or_else(|refused| refused.status, |_| 101);
            if found != status {
                wrong.push(format!("a socket for {identity}: {found}, and not {status}"));
            }
            continue;
        }
        let mut one = match identity.as_str() {
            "revoked" => None,
            _ => {
                let proof = proof(key, identity, &format!("socket-{identity}"))?;
                Some(socket(stack, &proof.unwrap_or_default()).await?)
            }
        };
        for ((operation, cells), taken_back) in rows.iter().zip(&mut revoked) {
            // In the table's order a greeting comes first.
            let found = say(one.as_mut().unwrap_or(taken_back), operation).await?;
            if found != cells[identity] {
                wrong.push(format!(
                    "{operation} by {identity}: {found}, and not {}",
                    cells[identity]
                ));
            }
        }
    }
    ensure(wrong.is_empty(), wrong.join("\n"))
}

/// Every class of streams by every identity, over a socket and over HTTP.
pub(crate) async fn streams(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let rows = access_table("Streams");
    let mut wrong = Vec::new();
    // All are of one user: the lower a tier's rate, the earlier it asks.
    for identity in ["free", "standard", "premium", "enterprise", "author", "admin"] {
        let proof = proof(key, identity, "asha")?.unwrap_or_default();
        let mut socket = socket(stack, &proof).await?;
        let _ = socket.hello().await?;
        let streams: Vec<Value> = (1..)
            .zip(&rows)
            .map(|(s, (stream, _))| json!({"key": stream, "s": s}))
            .collect();
        let reply = socket.ask(json!({"op": "subscribe", "streams": streams})).await?;
        let reply = reply.unwrap_or_default();
        for (nth, (stream, cells)) in rows.iter().enumerate() {
            let address = format!("/v1/signals/{ACCESS_INSTRUMENT}?key={stream}");
            let answer = stack.api(Method::GET, &address, Some(&proof)).await?;
            let over_http = match answer.status {
                200 => "ok".to_owned(),
                _ => answer.json()["error"]["slug"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            };
            for (how, found) in [
                ("socket", told(&reply["ok"]["streams"][nth])),
                ("HTTP", over_http),
            ] {
                if found != cells[identity] {
                    let expected = &cells[identity];
                    wrong.push(format!(
                        "{stream} by {identity} over {how}: {found}, and not {expected}"
                    ));
                }
            }
        }
    }
    ensure(wrong.is_empty(), wrong.join("\n"))
}

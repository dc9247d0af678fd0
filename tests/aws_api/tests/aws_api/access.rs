//! Who gets in, and who does not.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tickwire_aws_api::Failure;
use tickwire_aws_api::stack::Stack;
use tickwire_entitlements::Tier;
use tickwire_service::ports::Secret;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::wait::ensure;

/// Life of a ticket, and a second more.
const TICKET_IS_OLD: Duration = Duration::from_secs(61);

/// Every function behind the HTTP API answers, and has what it needs.
pub(crate) async fn ready(stack: &Stack) -> Result<(), Failure> {
    let health = stack.api(Method::GET, "/health", None).await?;
    ensure(
        health.status == 200,
        format!("health: {} {}", health.status, health.text()),
    )?;
    let ready = stack.api(Method::GET, "/ready", None).await?;
    ensure(
        ready.status == 200 && ready.json()["ready"] == json!(true),
        format!("ready: {} {}", ready.status, ready.text()),
    )
}

/// A ticket of a user.
pub(crate) async fn ticket(stack: &Stack, key: &Secret) -> Result<String, Failure> {
    let token = Stack::token(key, "reader-of-tickets", Tier::Standard)?;
    let answer = stack.api(Method::POST, "/v1/tickets", Some(&token)).await?;
    let ticket = answer.json()["ticket"].as_str().map(str::to_owned);
    ticket.ok_or_else(|| Failure::Process(format!("no ticket: {} {}", answer.status, answer.text())))
}

/// Status with which the socket answers the handshake; 101 lets the client in.
async fn handshake(stack: &Stack, ticket: Option<&str>) -> Result<u16, Failure> {
    let mut url = stack.output("SocketUrl")?.to_owned();
    if let Some(ticket) = ticket {
        url.push_str(&format!("?ticket={ticket}"));
    }
    let request = url
        .into_client_request()
        .map_err(Failure::of("read the socket's address"))?;
    let host = request
        .uri()
        .authority()
        .map(ToString::to_string)
        .unwrap_or_default();
    let stream = TcpStream::connect(host).await.map_err(Failure::of("connect"))?;
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((mut socket, answer)) => {
            let _ = socket.close(None).await;
            Ok(answer.status().as_u16())
        }
        Err(SocketError::Http(answer)) => Ok(answer.status().as_u16()),
        Err(other) => Err(Failure::of("open a socket")(other)),
    }
}

async fn is_refused(stack: &Stack, what: &str, ticket: Option<&str>, expected: u16) -> Result<(), Failure> {
    let status = handshake(stack, ticket).await?;
    ensure(
        status == expected,
        format!("{what}: the socket answered {status}, and not {expected}"),
    )
}

/// Without a token, a ticket, or with the wrong one.
pub(crate) async fn denials(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let good = Stack::token(key, "reader", Tier::Standard)?;
    let forged = Stack::token(&Secret::new(vec![b'x'; 64]), "reader", Tier::Enterprise)?;
    let check = async |method: Method, path: &str, token: Option<&str>, expected: u16| {
        let answer = stack.api(method.clone(), path, token).await?;
        let said = format!(
            "{method} {path}: {} {}, and not {expected}",
            answer.status,
            answer.text()
        );
        ensure(answer.status == expected, said)
    };
    let bars = "/v1/bars/BINANCE@BTCUSDT@SPOT?timeframe=1m";
    let signals = "/v1/signals/BINANCE@BTCUSDT@SPOT";
    for (method, path) in [
        (Method::POST, "/v1/tickets"),
        (Method::GET, bars),
        (Method::GET, signals),
    ] {
        check(method.clone(), path, None, 401).await?;
        check(method.clone(), path, Some("no-token"), 403).await?;
        check(method.clone(), path, Some(&forged), 403).await?;
        check(method, path, Some(&good), 200).await?;
    }
    check(Method::GET, "/v1/nothing", Some(&good), 404).await?;
    check(Method::GET, "/nothing", None, 404).await?;

    is_refused(stack, "no ticket", None, 401).await?;
    is_refused(stack, "no ticket of ours", Some("TICKET"), 403).await?;
    let ticket = ticket(stack, key).await?;
    is_refused(stack, "a good ticket", Some(&ticket), 101).await?;
    is_refused(stack, "a used ticket", Some(&ticket), 403).await
}

/// A ticket taken a minute before.
pub(crate) async fn expired(stack: &Stack, ticket: String, taken: Instant) -> Result<(), Failure> {
    tokio::time::sleep(TICKET_IS_OLD.saturating_sub(taken.elapsed())).await;
    is_refused(stack, "an expired ticket", Some(&ticket), 403).await
}

/// The function for callers inside the house.
pub(crate) async fn entitled(stack: &Stack) -> Result<(), Failure> {
    let question = json!({"v": 1, "user": "reader", "tier": "free", "streams": [
        "public:BINANCE@BTCUSDT@SPOT:tick:price",
        "marketplace/breakout:BINANCE@BTCUSDT@SPOT:5m:rsi(close,14)",
    ]});
    let answer = stack.invoke("entitle", &question).await?;
    let decisions: Vec<_> = (0..2)
        .map(|n| answer["decisions"][n]["decision"].clone())
        .collect();
    ensure(
        decisions == [json!("allow"), json!("deny")],
        format!("entitle answered {answer}"),
    )
}

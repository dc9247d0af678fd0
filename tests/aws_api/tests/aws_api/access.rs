//! Who gets in, and who does not.

use std::time::{Duration, Instant};

use hyper::{Method, Uri};
use serde_json::json;
use tickwire_aws_api::Failure;
use tickwire_aws_api::http::{Answer, Request};
use tickwire_aws_api::stack::Stack;
use tickwire_end_to_end::socket::{Refused, Socket};
use tickwire_entitlements::Tier;
use tickwire_service::ports::Secret;
use tokio::net::TcpStream;

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

/// Opens a socket, with a ticket or without.
pub(crate) async fn open(stack: &Stack, ticket: Option<&str>) -> Result<Result<Socket, Refused>, Failure> {
    let mut url = stack.output("SocketUrl")?.to_owned();
    if let Some(ticket) = ticket {
        url.push_str(&format!("?ticket={ticket}"));
    }
    let uri: Uri = url.parse().map_err(Failure::of("read the socket's address"))?;
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    let stream = TcpStream::connect(host).await.map_err(Failure::of("connect"))?;
    Ok(Socket::over(stream, &url).await)
}

/// Status with which the socket answers the handshake; 101 lets the client in.
async fn handshake(stack: &Stack, ticket: Option<&str>) -> Result<u16, Failure> {
    let opened = open(stack, ticket).await?;
    Ok(opened.map_or_else(|refused| refused.status, |_| 101))
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
    for path in [
        "/v1/instruments?exchange=BINANCE&fields=key",
        "/openapi.json",
        "/docs",
    ] {
        check(Method::GET, path, Some(&good), 200).await?;
    }
    check(Method::GET, "/v1/instruments?strike_min=NaN", Some(&good), 400).await?;
    // Greeks are of a higher tier.
    let premium = Stack::token(key, "reader", Tier::Premium)?;
    check(Method::GET, "/v1/chains/NSE@NIFTY@IDX", Some(&good), 403).await?;
    check(Method::GET, "/v1/chains/NSE@NIFTY@IDX", Some(&premium), 404).await?;
    check(Method::GET, "/v1/dead-letters/ticks", Some(&good), 403).await?;
    check(Method::GET, "/v1/grants/reader", Some(&good), 403).await?;
    check(Method::GET, "/metrics", None, 404).await?;
    check(Method::GET, "/v1/nothing", Some(&good), 404).await?;
    check(Method::GET, "/nothing", None, 404).await?;

    is_refused(stack, "no ticket", None, 401).await?;
    is_refused(stack, "no ticket of ours", Some("TICKET"), 403).await?;
    let ticket = ticket(stack, key).await?;
    is_refused(stack, "a good ticket", Some(&ticket), 101).await?;
    is_refused(stack, "a used ticket", Some(&ticket), 403).await
}

/// Pages, forms, tags and what admins do, through the gateway and within the function's role.
pub(crate) async fn pages_and_grants(stack: &Stack, key: &Secret) -> Result<(), Failure> {
    let good = Stack::token(key, "reader", Tier::Standard)?;
    let ask =
        async |method: Method, path: &str, token: &str, headers: &[(&'static str, &str)], body: &str| {
            let mut request = Request::new(method).header("authorization", format!("Bearer {token}"));
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            stack.ask(path, request.body(body)).await
        };
    let page = "/v1/instruments?exchange=BINANCE&limit=1";
    let first = ask(Method::GET, page, &good, &[], "").await?;
    let cursor = first.json()["next"].as_str().unwrap_or_default().to_owned();
    ensure(
        !cursor.is_empty(),
        format!("no second page: {} {}", first.status, first.text()),
    )?;
    let second = ask(Method::GET, &format!("{page}&cursor={cursor}"), &good, &[], "").await?;
    let key_of = |answer: &Answer| answer.json()["instruments"][0]["key"].clone();
    ensure(
        second.status == 200 && key_of(&first) != key_of(&second),
        format!("the second page: {} {}", second.status, second.text()),
    )?;
    let other = format!("/v1/instruments?limit=1&cursor={cursor}");
    let refused = ask(Method::GET, &other, &good, &[], "").await?;
    let slug = refused.json()["error"]["slug"].clone();
    ensure(
        slug == json!("cursor_invalid"),
        format!("a cursor of another question: {slug}"),
    )?;
    ensure(
        refused.json()["error"]["request_id"].is_string(),
        format!("an error without the request's id: {}", refused.text()),
    )?;
    let tag = first
        .headers
        .get("etag")
        .and_then(|tag| tag.to_str().ok())
        .unwrap_or_default();
    let again = ask(Method::GET, page, &good, &[("if-none-match", tag)], "").await?;
    ensure(
        again.status == 304,
        format!("the same page again: {}", again.status),
    )?;
    let csv = ask(Method::GET, page, &good, &[("accept", "text/csv")], "").await?;
    ensure(
        csv.text().starts_with("key,exchange,symbol,"),
        format!("as CSV: {} {}", csv.status, csv.text()),
    )?;

    let admin = Stack::admin_token(key)?;
    let grant = "/v1/grants/reader/breakout";
    let until = tickwire::now().saturating_add(3_600_000_000_000).0;
    let json_form = [("content-type", "application/json")];
    let product = ask(
        Method::PUT,
        "/v1/products/breakout",
        &admin,
        &json_form,
        &json!({"patterns": ["BINANCE@*@SPOT:5m:rsi(*)"]}).to_string(),
    )
    .await?;
    ensure(
        product.status == 200,
        format!("make a product: {} {}", product.status, product.text()),
    )?;
    let given = ask(
        Method::PUT,
        grant,
        &admin,
        &json_form,
        &json!({"until": until}).to_string(),
    )
    .await?;
    ensure(
        given.status == 200,
        format!("give a grant: {} {}", given.status, given.text()),
    )?;
    // Within the roles of both functions: the grant and its product are read.
    let sold = "/v1/signals/BINANCE@BTCUSDT@SPOT?key=marketplace/breakout:BINANCE@BTCUSDT@SPOT";
    for (stream, status) in [("5m:rsi(close,14)", 200), ("15m:rsi(close,14)", 403)] {
        let answer = ask(Method::GET, &format!("{sold}:{stream}"), &good, &[], "").await?;
        ensure(
            answer.status == status,
            format!("{stream} of a product: {} {}", answer.status, answer.text()),
        )?;
    }
    let taken = ask(Method::DELETE, grant, &admin, &[], "").await?;
    ensure(
        taken.status == 200,
        format!("take it back: {} {}", taken.status, taken.text()),
    )?;
    let listed = ask(Method::GET, "/v1/grants/reader", &admin, &[], "").await?;
    let ended = listed.json()["grants"][0]["until"].as_i64();
    ensure(
        ended.is_some_and(|ended| ended < until),
        format!("the grants: {} {}", listed.status, listed.text()),
    )
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

//! Replays the sample events, and asks every route over twins of all ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its case must fail"
)]

mod access;
mod dead_letters;
mod document;
mod keys;
mod matrix;
mod options;
mod pages;
mod past;
mod products;
mod secrets;
mod socket_document;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::encodings::Body;
use axum::Router;
use serde_json::{Value, json};
use tickwire_api::{Api, handle, router};
use tickwire_entitlements::Tier;
use tickwire_market::{InstrumentKey, UnixNanos};
use tickwire_service::authenticate::sign_token;
use tickwire_service::ports::Secret;
use tickwire_service::testing::{Fault, by_turns};
use tickwire_service::testing_sockets::{House, NOW, PRICED, SECRET};
use tickwire_streams::{StreamKey, Universe};

pub(crate) const BTC: &str = "BINANCE@BTCUSDT@SPOT";

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let future: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(future);
    by_turns(vec![future], |_| 0, 100_000).remove(0).expect("it ends")
}

pub(crate) fn instrument() -> InstrumentKey {
    PRICED.parse().unwrap()
}

/// A house with eleven minutes of ticks, and the API on it.
pub(crate) fn world() -> (House, Router) {
    let house = House::new();
    let streams: Vec<StreamKey> = [
        format!("public:{BTC}:tick:price"),
        format!("common:{BTC}:1m:sma(close,2)"),
        format!("common:{BTC}:1d:sma(close,50)"),
        format!("personal/asha:{BTC}:1m:sma(close,3)"),
        format!("personal/ravi:{BTC}:1m:sma(close,3)"),
        format!("marketplace/gold:{BTC}:1m:sma(close,4)"),
    ]
    .iter()
    .map(|key| key.parse().unwrap())
    .collect();
    run(house.know(&instrument(), &streams)).unwrap();
    for second in 1..=660 {
        run(house.tick(&instrument(), f64::from(second))).unwrap();
        if second % 10 == 0 {
            run(house.fold());
        }
    }
    let router = api_on(&house);
    (house, router)
}

pub(crate) fn api_on(house: &House) -> Router {
    let api = Api::new(
        house.query.clone(),
        house.sockets.clone(),
        house.process.clone(),
        house.process.clone(),
        (house.placement.clone(), Universe::live()),
        "tokens",
    );
    router(Arc::new(api))
}

pub(crate) fn token(user: &str, tier: Tier) -> String {
    let secret = Secret::new(SECRET);
    sign_token(&secret, user, tier, Duration::from_secs(3_600), NOW)
        .unwrap()
        .expose()
        .to_owned()
}

pub(crate) fn sample(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A runtime of several threads may run it.
fn is_send<T: Send>(future: T) -> T {
    future
}

/// An answer: status, headers, body.
pub(crate) struct Answer {
    pub(crate) status: i64,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn slug(&self) -> &str {
        self.body["error"]["slug"].as_str().unwrap_or_default()
    }
}

pub(crate) fn answer(router: &Router, event: &Value) -> Answer {
    let response = run(is_send(handle(
        router,
        serde_json::from_value(event.clone()).unwrap(),
    )));
    let text = match response.body {
        Some(Body::Text(text)) => text,
        None => String::new(),
        Some(other) => panic!("{other:?}"),
    };
    let is_json = response
        .headers
        .get("content-type")
        .is_some_and(|form| form == "application/json");
    let body = if is_json {
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    } else {
        Value::Null
    };
    Answer {
        status: response.status_code,
        headers: response.headers,
        body,
        text,
    }
}

/// Asks with a bearer token, or with none.
pub(crate) fn ask(router: &Router, method: &str, address: &str, token: Option<&str>) -> Answer {
    ask_with(router, method, address, token, &[], None)
}

/// The same, with headers and a body.
pub(crate) fn ask_with(
    router: &Router,
    method: &str,
    address: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Answer {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut event = sample("api-health");
    event["rawPath"] = path.into();
    event["rawQueryString"] = query.into();
    event["requestContext"]["http"]["method"] = method.into();
    if let Some(token) = token {
        event["headers"]["authorization"] = format!("Bearer {token}").into();
    }
    for (name, value) in headers {
        event["headers"][*name] = (*value).into();
    }
    if let Some(body) = body {
        event["body"] = body.into();
    }
    answer(router, &event)
}

#[test]
fn sample_events_are_answered() {
    let (house, router) = world();
    let with_token = |name: &str| {
        let mut event = sample(name);
        event["headers"]["authorization"] = format!("Bearer {}", token("asha", Tier::Premium)).into();
        answer(&router, &event)
    };
    let answer = with_token("api-tickets");
    assert_eq!(
        (answer.status, answer.body["ticket"].as_str().unwrap().len()),
        (200, 43)
    );
    assert_eq!(answer.body["expires_at"], NOW.0 + 60 * UnixNanos::PER_SECOND);
    house.store.advance(Duration::from_secs(700));
    let answer = with_token("api-bars");
    assert_eq!(
        (answer.status, answer.body["bars"].as_array().unwrap().len()),
        (200, 3)
    );
    let answer = with_token("api-signals");
    assert_eq!(
        (answer.status, answer.body["instrument"].as_str()),
        (200, Some(BTC))
    );
    let answer = with_token("api-health");
    assert_eq!(
        answer.body,
        json!({"status": "alive", "version": env!("CARGO_PKG_VERSION")})
    );
    assert_eq!(with_token("api-ready").status, 200);
}

#[test]
fn every_route_asks_who_is_there() {
    let (house, router) = world();
    let good = token("asha", Tier::Free);
    let forged = format!("{}x", &good[..good.len() - 1]);
    let routes = [
        ("POST", "/v1/tickets".to_owned()),
        ("GET", format!("/v1/bars/{BTC}?timeframe=1m")),
        ("GET", format!("/v1/signals/{BTC}")),
        ("GET", "/v1/instruments".to_owned()),
    ];
    for (method, address) in &routes {
        let check = |token: Option<&str>, status: i64, slug: &str| {
            let answer = ask(&router, method, address, token);
            assert_eq!((answer.status, answer.slug()), (status, slug), "{address}");
            assert_eq!(
                answer.headers.contains_key("www-authenticate"),
                status == 401,
                "{address}"
            );
            let kept = status == 200 && *method == "GET";
            let expected = if kept { "private, no-cache" } else { "no-store" };
            assert_eq!(answer.headers["cache-control"], expected, "{address}");
            assert!(
                !answer.headers.contains_key("access-control-allow-origin"),
                "{address}"
            );
        };
        check(None, 401, "token_missing");
        check(Some(""), 401, "token_invalid");
        check(Some("nonsense"), 401, "token_invalid");
        check(Some(&forged), 401, "token_invalid");
        check(Some(&good), 200, "");
        house.sockets.content().down.insert("secret");
        check(Some(&good), 503, "unavailable");
        house.sockets.content().down.clear();
    }
    house.store.advance(Duration::from_secs(7_200));
    for (method, address) in &routes {
        let answer = ask(&router, method, address, Some(&good));
        assert_eq!(
            (answer.status, answer.slug()),
            (401, "token_expired"),
            "{address}"
        );
    }
    for address in ["/health", "/ready", "/openapi.json", "/docs"] {
        assert_eq!(ask(&router, "GET", address, None).status, 200, "{address}");
    }
}

#[test]
fn what_may_not_be_read_is_denied() {
    let (_, router) = world();
    let check = |tier: Tier, class: &str, status: i64, slug: &str| {
        let period = match class {
            "marketplace/gold" => 4,
            "common" => 2,
            _ => 3,
        };
        let address = format!("/v1/signals/{BTC}?key={class}:{BTC}:1m:sma(close,{period})");
        let answer = ask(&router, "GET", &address, Some(&token("asha", tier)));
        assert_eq!(
            (answer.status, answer.slug()),
            (status, slug),
            "{address}: {}",
            answer.body
        );
        let error = &answer.body["error"];
        if status == 200 {
            assert_eq!(answer.body["signals"].as_array().unwrap().len(), 1);
        } else if slug == "entitlement_required" {
            let required = ["standard", "premium"][usize::from(class == "personal/asha")];
            assert_eq!(
                (&error["tier"], &error["required"]),
                (&json!(tier), &json!(required))
            );
        } else {
            assert_eq!((&error["tier"], &error["required"]), (&Value::Null, &Value::Null));
        }
    };
    check(Tier::Free, "common", 200, "");
    check(Tier::Free, "personal/asha", 403, "entitlement_required");
    check(Tier::Premium, "personal/asha", 200, "");
    check(Tier::Premium, "personal/ravi", 403, "not_yours");
    check(Tier::Premium, "marketplace/gold", 403, "grant_required");
    check(Tier::Free, "marketplace/gold", 403, "entitlement_required");
}

#[test]
fn addresses_and_methods_that_are_not() {
    let (_, router) = world();
    let token = token("asha", Tier::Free);
    let check = |method: &str, address: &str, status: i64, slug: &str| {
        let answer = ask(&router, method, address, Some(&token));
        assert_eq!(
            (answer.status, answer.slug()),
            (status, slug),
            "{method} {address}"
        );
        assert_eq!(
            answer.headers["content-type"], "application/json",
            "{method} {address}"
        );
        let error = &answer.body["error"];
        assert_eq!(
            error["request_id"],
            json!(answer.headers["x-request-id"].to_str().unwrap())
        );
        assert!(!error["message"].as_str().unwrap().is_empty() && error["code"].is_u64());
        assert_eq!(
            answer.headers.contains_key("allow"),
            status == 405,
            "{method} {address}"
        );
    };
    check("GET", "/", 404, "not_found");
    check("GET", "/v1", 404, "not_found");
    check("GET", "/v1/bars", 404, "not_found");
    check("GET", "/v1/bars/a/b", 404, "not_found");
    check("GET", "/v1/tickets", 405, "method_not_allowed");
    check("DELETE", "/v1/signals/x", 405, "method_not_allowed");
    check("POST", "/health", 405, "method_not_allowed");
    check("OPTIONS", "/v1/tickets", 405, "method_not_allowed");
    let ask_without = ask(&router, "GET", "/v1/nothing", None);
    assert_eq!((ask_without.status, ask_without.slug()), (404, "not_found"));
}

#[test]
fn parameters_are_bounded() {
    let (_, router) = world();
    let token = token("asha", Tier::Free);
    let check = |rest: &str, says: &str| {
        let answer = ask(&router, "GET", &format!("/v1/bars/{rest}"), Some(&token));
        assert_eq!(
            (answer.status, answer.slug()),
            (400, "parameter_invalid"),
            "{rest}: {}",
            answer.body
        );
        assert!(
            answer.body["error"]["message"].as_str().unwrap().contains(says),
            "{rest}: {}",
            answer.body
        );
    };
    check(BTC, "timeframe is missing");
    check(&format!("{BTC}?timeframe=tick"), "1m to 1d");
    check(&format!("{BTC}?timeframe=60m"), "write 1h");
    check(&format!("{BTC}?timeframe=1m&limit=0"), "from 1 to 5000");
    check(&format!("{BTC}?timeframe=1m&limit=5001"), "from 1 to 5000");
    check(&format!("{BTC}?timeframe=1m&limit=-1"), "from 1 to 5000");
    check(&format!("{BTC}?timeframe=1m&from=yesterday"), "from is a time");
    check(&format!("{BTC}?timeframe=1m&to=1e9"), "to is a time");
    check(
        &format!("{BTC}?timeframe=1m&from=5&to=5"),
        "from is not before to",
    );
    check(&format!("{BTC}?timeframe=1m&order=up"), "");
    check(&format!("{BTC}?timeframe=1m&colour=red"), "colour");
    check(&format!("{BTC}?timeframe=1m&timeframe=5m"), "timeframe");
    check(&format!("{BTC}?timeframe=1m&universe=Mars"), "universe");
    check("btcusdt?timeframe=1m", "instrument");
    check("%FF?timeframe=1m", "");
    let unknown = ask(
        &router,
        "GET",
        "/v1/bars/NASDAQ@AAPL@EQ?timeframe=1m",
        Some(&token),
    );
    assert_eq!((unknown.status, unknown.slug()), (404, "instrument_unknown"));
    let wrong = ask(
        &router,
        "GET",
        &format!("/v1/signals/{BTC}?key=nonsense"),
        Some(&token),
    );
    assert_eq!((wrong.status, wrong.slug()), (400, "stream_malformed"));
    let other = ask(
        &router,
        "GET",
        &format!("/v1/signals/{BTC}?key=public:NSE@NIFTY@IDX:tick:price"),
        Some(&token),
    );
    assert_eq!((other.status, other.slug()), (400, "parameter_invalid"));

    let mut event = sample("api-tickets");
    event["headers"]["authorization"] = format!("Bearer {token}").into();
    event["body"] = "x".repeat(70_000).into();
    event["headers"]["content-length"] = "70000".into();
    assert_eq!(answer(&router, &event).slug(), "message_too_large");
    event["body"] = "x".repeat(100_000).into();
    assert_eq!(answer(&router, &event).slug(), "message_too_large");
}

/// Start and end in seconds since the beginning, open, close.
type Row = (i64, i64, f64, f64);

fn bars(router: &Router, query: &str) -> (Vec<Row>, Option<String>) {
    let answer = ask(
        router,
        "GET",
        &format!("/v1/bars/{BTC}?{query}"),
        Some(&token("asha", Tier::Free)),
    );
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let since = |time: &Value| (time.as_i64().unwrap() - NOW.0) / UnixNanos::PER_SECOND;
    let rows = answer.body["bars"].as_array().unwrap().iter();
    let bars = rows
        .map(|bar| {
            (
                since(&bar["start"]),
                since(&bar["end"]),
                bar["open"].as_f64().unwrap(),
                bar["close"].as_f64().unwrap(),
            )
        })
        .collect();
    (bars, answer.body["next"].as_str().map(str::to_owned))
}

/// All pages of a question, one after the other.
fn pages(router: &Router, query: &str, newest: bool) -> Vec<Row> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    for _ in 0..50 {
        let (page, next) = bars(router, &format!("{query}{cursor}"));
        all = if newest {
            [page, all].concat()
        } else {
            [all, page].concat()
        };
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("the pages never end");
}

#[test]
fn bars_of_any_timeframe_by_pages() {
    let (house, router) = world();
    house.store.advance(Duration::from_secs(700));
    // 11:06:40 is 40 seconds into its minute.
    let minutes: Vec<(i64, i64)> = std::iter::once((-40, 20))
        .chain((0..10).map(|n| (20 + n * 60, 80 + n * 60)))
        .collect();
    let (all, next) = bars(&router, "timeframe=1m");
    assert_eq!(all.iter().map(|bar| (bar.0, bar.1)).collect::<Vec<_>>(), minutes);
    assert_eq!((all[0].2, all[0].3, all[1].2), (1.0, 19.0, 20.0));
    assert_eq!(next, None);
    for limit in [1, 2, 3, 11, 12] {
        for newest in [false, true] {
            let order = if newest { "newest" } else { "oldest" };
            let query = format!("timeframe=1m&limit={limit}&order={order}");
            assert_eq!(pages(&router, &query, newest), all, "{query}");
            let query = format!("timeframe=5m&limit={limit}&order={order}");
            let five: Vec<_> = pages(&router, &query, newest)
                .iter()
                .map(|bar| (bar.0, bar.1))
                .collect();
            // 11:05 to 11:10 and 11:10 to 11:15; the next is still forming.
            assert_eq!(five, [(-100, 200), (200, 500)], "{query}");
        }
    }
    let (newest, next) = bars(&router, "timeframe=1m&limit=2&order=newest");
    assert_eq!(newest, all[9..]);
    assert!(next.is_some());
    let at = |second: i64| NOW.0 + second * UnixNanos::PER_SECOND;
    let (part, _) = bars(&router, &format!("timeframe=1m&from={}&to={}", at(80), at(260)));
    assert_eq!(part.iter().map(|bar| bar.1).collect::<Vec<_>>(), [140, 200, 260]);
    let (part, _) = bars(
        &router,
        "timeframe=1m&from=2026-11-18T11:08:00Z&to=2026-11-18T11:11:00Z",
    );
    assert_eq!(part.iter().map(|bar| bar.1).collect::<Vec<_>>(), [140, 200, 260]);
    // A range that ends with a bar shows it: that a later one is closed is seen beyond the range.
    let (part, _) = bars(&router, &format!("timeframe=5m&from={}&to={}", at(0), at(500)));
    assert_eq!(part.iter().map(|bar| bar.1).collect::<Vec<_>>(), [200, 500]);
    assert_eq!(bars(&router, "timeframe=1d").0, []);
}

#[test]
fn signals_are_the_newest_that_may_be_seen() {
    let (_, router) = world();
    let keys = |tier: Tier| -> Vec<String> {
        let answer = ask(
            &router,
            "GET",
            &format!("/v1/signals/{BTC}"),
            Some(&token("asha", tier)),
        );
        let rows = answer.body["signals"].as_array().unwrap().iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect()
    };
    let free = [
        format!("public:{BTC}:tick:price"),
        format!("common:{BTC}:1m:sma(close,2)"),
        format!("common:{BTC}:1d:sma(close,50)"),
    ];
    assert_eq!(keys(Tier::Free), free);
    let premium: Vec<String> = free
        .iter()
        .cloned()
        .chain([format!("personal/asha:{BTC}:1m:sma(close,3)")])
        .collect();
    assert_eq!(keys(Tier::Premium), premium);
    let answer = ask(
        &router,
        "GET",
        &format!("/v1/signals/{BTC}"),
        Some(&token("asha", Tier::Free)),
    );
    let rows = &answer.body["signals"];
    assert_eq!(
        rows[0]["d"],
        json!({"price": 660.0}),
        "what is not in the latest row is in the log"
    );
    assert_eq!(rows[0]["t"], NOW.0 + 660 * UnixNanos::PER_SECOND);
    assert!(rows[1]["d"]["value"].is_number());
    assert_eq!(
        rows[2],
        json!({"key": format!("common:{BTC}:1d:sma(close,50)"), "d": {"absent": "cold"}}),
        "unknown is never 0"
    );
}

#[test]
fn ready_says_what_is_not() {
    let (house, router) = world();
    let ready = || {
        let answer = ask(&router, "GET", "/ready", None);
        let rows = answer.body["dependencies"].as_array().unwrap().iter();
        let ok: Vec<_> = rows
            .map(|row| {
                (
                    row["name"].as_str().unwrap().to_owned(),
                    row["ok"].as_bool().unwrap(),
                )
            })
            .collect();
        (answer.status, answer.body["ready"].as_bool().unwrap(), ok)
    };
    let state = |store, secrets| vec![("store".to_owned(), store), ("secrets".to_owned(), secrets)];
    assert_eq!(ready(), (200, true, state(true, true)));
    house.sockets.content().down.insert("secret");
    assert_eq!(ready(), (503, false, state(true, false)));
    house.sockets.content().down.clear();
    for fault in [Fault::Before, Fault::DieBefore] {
        house.process.set_script(move |_| Some(fault));
        assert_eq!(ready(), (503, false, state(false, true)), "{fault:?}");
    }
    assert_eq!(
        ask(&router, "GET", "/health", None).status,
        200,
        "alive all the same"
    );
}

#[test]
fn a_stage_in_the_path_is_no_part_of_it() {
    let (_, router) = world();
    let mut event = sample("api-health");
    event["requestContext"]["stage"] = "live".into();
    for (path, status) in [
        ("/live/health", 200),
        ("/health", 200),
        ("/lively/health", 404),
        ("/live", 404),
    ] {
        event["rawPath"] = path.into();
        assert_eq!(answer(&router, &event).status, status, "{path}");
    }
}

//! Secrets that a client plants anywhere come back in no error and stand in no log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use proptest::prelude::*;
use tickwire_entitlements::Tier;
use tickwire_telemetry::redact::redact_bytes;
use tracing_subscriber::fmt::MakeWriter;

use super::{BTC, ask_with, token, world};

/// Lines of a log as the one writer of lines leaves them.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(&redact_bytes(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Every route, with `*` where its address takes a part of the client's.
const ROUTES: [(&str, &str); 28] = [
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("POST", "/v1/tickets"),
    ("GET", "/v1/instruments"),
    ("GET", "/v1/bars/*"),
    ("GET", "/v1/signals/*"),
    ("GET", "/v1/chains/*"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/*"),
    ("GET", "/v1/revocations"),
    ("POST", "/v1/revocations"),
    ("GET", "/v1/bans"),
    ("DELETE", "/v1/bans/address/*"),
    ("DELETE", "/v1/bans/*/x"),
    ("GET", "/v1/audit"),
    ("GET", "/v1/products"),
    ("GET", "/v1/products/*"),
    ("PUT", "/v1/products/*"),
    ("POST", "/v1/products/gold"),
    ("DELETE", "/v1/products/*"),
    ("GET", "/v1/grants/*"),
    ("PUT", "/v1/grants/*/gold"),
    ("DELETE", "/v1/grants/asha/*"),
    ("GET", "/v1/nothing/*"),
];
const QUERY: [&str; 18] = [
    "timeframe",
    "from",
    "to",
    "limit",
    "cursor",
    "fields",
    "order",
    "format",
    "universe",
    "key",
    "search",
    "exchange",
    "product",
    "token",
    "api_key",
    "password",
    "ticket",
    "anything",
];
const HEADERS: [&str; 12] = [
    "authorization",
    "x-api-key",
    "cookie",
    "accept",
    "content-type",
    "if-none-match",
    "x-request-id",
    "origin",
    "user-agent",
    "x-forwarded-for",
    "proxy-authorization",
    "x-anything",
];
const BODY: [&str; 8] = [
    "from",
    "until",
    "trial",
    "user",
    "password",
    "api_key",
    "client_secret",
    "anything",
];

/// Plants `secret` in every place of every route, one at a time; gives the answers to
/// requests that were refused, and the log of all.
fn plant(router: &Router, secret: &str) -> (Vec<String>, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let good = token("asha", Tier::Premium);
    let mut refused = Vec::new();
    tracing::subscriber::with_default(subscriber, || {
        let mut ask = |method: &str,
                       address: &str,
                       token: Option<&str>,
                       header: Option<(&str, &str)>,
                       body: Option<&str>| {
            let headers: Vec<_> = header.into_iter().collect();
            let answer = ask_with(router, method, address, token, &headers, body);
            if answer.status >= 400 {
                refused.push(format!(
                    "{method} {address} {header:?} {body:?}\n{} {:?}",
                    answer.text, answer.headers
                ));
            }
            answer.text
        };
        for (method, route) in ROUTES {
            let plain = route.replace('*', BTC);
            for token in [None, Some(secret), Some(&*good)] {
                ask(method, &plain, token, None, None);
                ask(method, &route.replace('*', secret), token, None, None);
            }
            for name in QUERY {
                ask(
                    method,
                    &format!("{plain}?{name}={secret}"),
                    Some(&good),
                    None,
                    None,
                );
                ask(
                    method,
                    &format!("{plain}?timeframe=1m&{secret}={name}"),
                    Some(&good),
                    None,
                    None,
                );
            }
            for name in HEADERS {
                let token = (name != "authorization").then_some(&*good);
                ask(method, &plain, token, Some((name, secret)), None);
            }
            for body in [secret.to_owned(), format!("{{\"{secret}\":1}}")] {
                ask(method, &plain, Some(&good), None, Some(&body));
            }
            for name in BODY {
                let body = format!(r#"{{"until":1895000000000000000,"{name}":"{secret}"}}"#);
                ask(
                    method,
                    &plain,
                    Some(&good),
                    Some(("content-type", "application/json")),
                    Some(&body),
                );
            }
        }
    });
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    (refused, text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn no_planted_secret_comes_back(
        opaque in "[A-Za-z0-9]{23}[0-9][a-z]",
        token in "eyJ[A-Za-z0-9]{20}\\.eyJ[A-Za-z0-9]{20}\\.[A-Za-z0-9_]{43}",
        password in "[A-Za-z0-9]{8,12}",
    ) {
        let (_, router) = world();
        let secrets = [
            (opaque.clone(), opaque),
            (token.clone(), token),
            (format!("postgres://u:{password}@h/d"), password.clone()),
            (format!("password={password}"), password),
        ];
        for (planted, secret) in &secrets {
            let (refused, log) = plant(&router, planted);
            prop_assert!(refused.len() > 300, "{}", refused.len());
            for text in &refused {
                let (asked, answer) = text.split_once('\n').unwrap();
                prop_assert!(!answer.contains(secret), "{} gave {}", asked, answer);
            }
            prop_assert!(!log.contains(secret), "{} in {}", secret, log);
            prop_assert!(log.lines().count() > 300, "what is not logged proves nothing");
        }
    }
}

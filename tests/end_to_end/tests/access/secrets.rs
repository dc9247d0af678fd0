//! Secrets that a client plants anywhere, and those of the stack itself, come back in no answer
//! and stand in no log.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::raw;
use crate::running::{BTC, Running};

const HEADERS: [&str; 12] = [
    "authorization: Bearer SECRET",
    "authorization: Basic SECRET",
    "x-api-key: SECRET",
    "cookie: session=SECRET",
    "accept: SECRET",
    "content-type: SECRET",
    "if-none-match: \"SECRET\"",
    "x-request-id: SECRET",
    "origin: https://SECRET",
    "user-agent: SECRET",
    "x-forwarded-for: SECRET",
    "proxy-authorization: Bearer SECRET",
];

/// What looks like a secret, and what only its name gives away.
const SECRETS: [(&str, &str); 3] = [
    ("k7Jq9sPz2LmXw8Rt5VbN3c", "k7Jq9sPz2LmXw8Rt5VbN3c"),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhc2hhIn0.QwErTy1234567890asdfghjkl",
        "eyJzdWIiOiJhc2hhIn0",
    ),
    ("password=hunter2hunter", "hunter2hunter"),
];

/// What says again in a good answer what it was asked, and why that is its to say. Nothing else
/// does, and an error never.
const SAYS_AGAIN: [(&str, &str); 2] = [
    (
        "GET /v1/grants/{user}",
        "whose grants they are, which an admin asked for",
    ),
    (
        "socket subscribe",
        "which stream a verdict is of, in the client's own words",
    ),
];

/// What gives a secret, once, as that is what it is for: a socket's ticket, and a key of which only
/// a hash is kept.
const GIVES_ONCE: [(&str, &str); 2] = [("/v1/tickets", "ticket"), ("/v1/keys", "key")];

/// Secrets of the stack itself: what signs, and what was given once.
async fn kept(running: &Running) -> Vec<String> {
    let until = tickwire::now().0 + 1_000_000_000_000;
    let wanted = json!({"user": "keeper", "tier": "free", "scopes": ["read"], "expires_at": until});
    let signs = running.key.expose();
    let mut kept = vec![
        signs.iter().map(|byte| format!("{byte:02x}")).collect(),
        STANDARD_NO_PAD.encode(signs),
        URL_SAFE_NO_PAD.encode(signs),
    ];
    for (path, field) in GIVES_ONCE {
        let answer = running.admin("POST", path, Some(&wanted.to_string())).await;
        let given = answer.json()[field].as_str().unwrap().to_owned();
        // What a key begins with is its name.
        let secret = given.strip_prefix("twk_").and_then(|key| key.split_once('_'));
        kept.push(secret.map_or(given.clone(), |(_, secret)| secret.to_owned()));
    }
    assert!(kept.iter().all(|secret| secret.len() >= 32));
    kept
}

/// Every route of the document with `*` where a part is the client's, and the names of its parameters.
async fn routes(running: &Running) -> Vec<(String, String, Vec<String>)> {
    let document = running.ask("GET", "/openapi.json", None, None).await.json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let of = |parameter: &Value| {
                (parameter["in"] == "query").then(|| parameter["name"].as_str().unwrap().to_owned())
            };
            let parameters = operation["parameters"].as_array();
            let names = parameters.into_iter().flatten().filter_map(of).collect();
            routes.push((method.to_uppercase(), path.clone(), names));
        }
    }
    assert!(routes.len() > 25, "{routes:?}");
    routes
}

/// A path with its parts filled in.
fn filled(path: &str, part: &str) -> String {
    let mut filled = String::new();
    for (nth, piece) in path.split('{').enumerate() {
        match piece.split_once('}') {
            Some((_, rest)) if nth > 0 => filled += &format!("{part}{rest}"),
            _ => filled += piece,
        }
    }
    filled
}

pub(crate) async fn none_comes_back_or_is_logged(running: &Running) {
    let routes = routes(running).await;
    let json_form = "content-type: application/json".to_owned();
    let kept = kept(running).await;
    let (mut refused, mut done, mut nth) = (0, 0, 0);
    let mut said_again = BTreeSet::new();
    for (planted, secret) in SECRETS {
        for (method, path, names) in &routes {
            // None of these users asks more than its tier may.
            nth += 1;
            let chief = running.token(&format!("chief-{nth}"), "enterprise", "admin");
            let good = running.token(&format!("planter-{nth}"), "enterprise", "user");
            let plain = filled(path, BTC);
            let mut asked: Vec<(String, Vec<String>, String)> = vec![
                (
                    filled(path, planted),
                    vec![format!("authorization: Bearer {good}")],
                    String::new(),
                ),
                (
                    filled(path, planted),
                    vec![format!("authorization: Bearer {chief}")],
                    String::new(),
                ),
            ];
            for name in names.iter().map(String::as_str).chain(["token", "anything"]) {
                let bearer = vec![format!("authorization: Bearer {chief}")];
                asked.push((format!("{plain}?{name}={planted}"), bearer.clone(), String::new()));
                asked.push((format!("{plain}?{planted}={name}"), bearer, String::new()));
            }
            for header in HEADERS {
                let mut headers = vec![header.replace("SECRET", planted)];
                if !header.starts_with("authorization") {
                    headers.push(format!("authorization: Bearer {chief}"));
                }
                asked.push((plain.clone(), headers, String::new()));
            }
            if method != "GET" {
                for body in [
                    planted.to_owned(),
                    format!("{{\"{planted}\":1}}"),
                    format!(
                        "{{\"user\":\"{planted}\",\"patterns\":[\"{planted}\"],\"until\":\"{planted}\"}}"
                    ),
                    format!("{{\"patterns\":[\"{planted}\"],\"policy\":\"{planted}\"}}"),
                    format!("{{\"token\":\"{planted}\",\"oldest\":\"{planted}\"}}"),
                ] {
                    let headers = vec![format!("authorization: Bearer {chief}"), json_form.clone()];
                    asked.push((plain.clone(), headers, body));
                }
            }
            for (target, headers, body) in asked {
                let from = running.address();
                let answer = raw::ask(running.port, from, (method, &target), &headers, &body).await;
                let said = || format!("{method} {target} {headers:?} {body}: {}", answer.text);
                let own = kept.iter().chain([&chief, &good]);
                assert!(
                    !own.into_iter().any(|own| answer.text.contains(own)),
                    "{}",
                    said()
                );
                if answer.status >= 400 {
                    refused += 1;
                    assert!(!answer.text.contains(secret), "{}", said());
                } else {
                    done += 1;
                    if answer.text.contains(secret) {
                        said_again.insert(format!("{method} {path}"));
                    }
                }
            }
        }
        let token = running.token("planter", "enterprise", "user");
        let mut socket = running.socket(&token).await.unwrap();
        socket.hello().await.unwrap().unwrap();
        for message in [
            json!({"op": planted}),
            json!({"op": "subscribe", "streams": [{"key": format!("common:{BTC}:1m:{planted}"), "s": 1}]}),
            json!({"op": "hello", "universe": planted}),
            json!({"op": "ping", "at": {planted: 1}}),
        ] {
            let operation = format!("socket {}", message["op"].as_str().unwrap());
            let reply = socket.ask(message).await.unwrap().unwrap_or_default();
            let text = reply.to_string();
            assert!(!kept.iter().any(|own| text.contains(own)), "{text}");
            if text.contains(secret) {
                assert_eq!(reply["err"], Value::Null, "{reply}");
                said_again.insert(operation);
            }
        }
    }
    assert!(refused > 1_000 && done > 500, "{refused} {done}");
    assert_eq!(said_again, SAYS_AGAIN.map(|(what, _)| what.to_owned()).into());
    let written = running.written();
    assert!(
        written.len() > 1_000,
        "what is not logged proves nothing:\n{written}"
    );
    let planted = SECRETS.map(|(_, secret)| secret);
    for secret in planted.into_iter().chain(kept.iter().map(String::as_str)) {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

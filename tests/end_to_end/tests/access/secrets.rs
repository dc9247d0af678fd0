//! Secrets that a client plants anywhere come back in no answer and stand in no log.

use crate::raw;
use crate::running::{BTC, Running};
use serde_json::Value;

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
    let (mut refused, mut nth) = (0, 0);
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
                if answer.status >= 400 {
                    refused += 1;
                    assert!(
                        !answer.text.contains(secret),
                        "{method} {target} {headers:?} {body}: {}",
                        answer.text
                    );
                }
            }
        }
        let token = running.token("planter", "enterprise", "user");
        let mut socket = running.socket(&token).await.unwrap();
        socket.hello().await.unwrap();
        for text in [
            serde_json::json!({"op": planted}),
            serde_json::json!({"op": "subscribe", "streams": [{"key": format!("common:{BTC}:1m:{planted}"), "s": 1}]}),
            serde_json::json!({"op": "hello", "universe": planted}),
            serde_json::json!({"op": "ping", "at": {planted: 1}}),
        ] {
            let _ = socket.ask(text).await;
        }
    }
    assert!(refused > 1_000, "{refused}");
    let written = running.written();
    assert!(
        written.len() > 1_000,
        "what is not logged proves nothing:\n{written}"
    );
    for (_, secret) in SECRETS {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

//! The tables that say who may do what, for the tests that hold the code against them.

use std::collections::BTreeMap;

use tickwire_market::UnixNanos;

/// The instrument of the tables.
pub const ACCESS_INSTRUMENT: &str = "BINANCE@BTCUSDT@SPOT";
const PAGE: &str = include_str!("../../../entitlements/ACCESS.md");

/// The rows of the table under a heading of ACCESS.md: their first cell, and the others
/// by column. None, if there is no such heading or table.
pub fn access_table(heading: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let text = PAGE
        .split_once(&format!("\n## {heading}\n"))
        .map(|(_, text)| text);
    let section = text
        .and_then(|text| text.split("\n## ").next())
        .unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let mut rows = lines.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let columns = rows.next().unwrap_or_default();
    rows.skip(1)
        .filter_map(|row| {
            let (first, cells) = row.split_first()?;
            let columns = columns.iter().skip(1).cloned();
            Some((first.clone(), columns.zip(cells.iter().cloned()).collect()))
        })
        .collect()
}

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub address: String,
    /// JSON; none, where it has none.
    pub body: Option<String>,
}

/// A route of the table as a client would ask it at a time. What it gives or takes is of nobody
/// of the other tables.
pub fn access_request(route: &str, now: UnixNanos) -> AccessRequest {
    let (method, path) = route.split_once(' ').unwrap_or_default();
    let until = now.saturating_add(1_000 * UnixNanos::PER_SECOND).0;
    let product = if method == "DELETE" && path.starts_with("/v1/products") {
        "nobody"
    } else {
        "gold"
    };
    let mut address = path
        .replace("{instrument}", ACCESS_INSTRUMENT)
        .replace("{underlying}", ACCESS_INSTRUMENT)
        .replace("{user}", "someone")
        .replace("{product}", product)
        .replace("{prefix}", "0123456789abcdef")
        .replace("{from}", "address")
        .replace("{who}", "192.0.2.1")
        .replace("{queue}", "signals")
        .replace("{id}", "nobody");
    address += match route {
        "GET /v1/bars/{instrument}" => "?timeframe=1m",
        "GET /v1/keys" => "?user=someone",
        "GET /v1/audit" => "?day=2026-11-18",
        _ => "",
    };
    let body = match route {
        "POST /v1/keys" => Some(format!(
            r#"{{"user":"someone","tier":"free","scopes":["read"],"expires_at":{until}}}"#
        )),
        "POST /v1/revocations" => Some(r#"{"token":"nobody"}"#.to_owned()),
        "POST /v1/dead-letters/{queue}" => Some(r#"{"oldest":1}"#.to_owned()),
        "PUT /v1/products/{product}" => Some(r#"{"patterns":["*:1m:*"]}"#.to_owned()),
        // What the product is already.
        "POST /v1/products/{product}" => Some(format!(r#"{{"patterns":["{ACCESS_INSTRUMENT}:1m:*"]}}"#)),
        "PUT /v1/grants/{user}/{product}" => Some(format!(r#"{{"until":{until}}}"#)),
        _ => None,
    };
    AccessRequest {
        method: method.to_owned(),
        address,
        body,
    }
}

/// What an admin does first, so that what the tables speak of is there: the products and grants of
/// `asha`, and that the user `gone` is taken back.
pub fn access_preparation(now: UnixNanos) -> Vec<AccessRequest> {
    let until = now.saturating_add(3_600 * UnixNanos::PER_SECOND).0;
    let asked = |method: &str, address: &str, body: Option<String>| AccessRequest {
        method: method.to_owned(),
        address: address.to_owned(),
        body,
    };
    let mut all = Vec::new();
    for (product, pattern) in [
        ("gold", format!("{ACCESS_INSTRUMENT}:1m:*")),
        ("bronze", "*:*:*".to_owned()),
    ] {
        let (made, given) = (
            format!("/v1/products/{product}"),
            format!("/v1/grants/asha/{product}"),
        );
        all.push(asked(
            "PUT",
            &made,
            Some(format!(r#"{{"patterns":["{pattern}"]}}"#)),
        ));
        all.push(asked("PUT", &given, Some(format!(r#"{{"until":{until}}}"#))));
    }
    all.push(asked("DELETE", "/v1/products/bronze", None));
    all.push(asked(
        "POST",
        "/v1/revocations",
        Some(r#"{"user":"gone"}"#.to_owned()),
    ));
    all
}

/// An operation of the table as a client would ask it, as JSON that lacks an id.
pub fn access_message(operation: &str) -> String {
    match operation {
        "subscribe" => format!(
            r#"{{"op":"subscribe","streams":[{{"key":"public:{ACCESS_INSTRUMENT}:tick:price","s":1}}]}}"#
        ),
        "unsubscribe" => r#"{"op":"unsubscribe","s":[1]}"#.to_owned(),
        "ping" => r#"{"op":"ping","at":{}}"#.to_owned(),
        other => format!(r#"{{"op":"{other}"}}"#),
    }
}

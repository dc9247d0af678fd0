//! The document against the router.

use serde_json::Value;
use tickwire_entitlements::Tier;
use tickwire_wire::ErrorCode;

use super::{ask, token, world};

fn document() -> Value {
    serde_json::to_value(tickwire_api::document()).unwrap()
}

/// Method, path and operation of every operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations
                .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
        })
        .collect()
}

#[test]
fn every_operation_is_routed_and_asks_as_it_says() {
    let (_house, router) = world();
    let document = document();
    let operations = operations(&document);
    assert_eq!(operations.len(), 30);
    for (method, path, operation) in &operations {
        let address = path
            .replace("{instrument}", "BINANCE@BTCUSDT@SPOT")
            .replace(['{', '}'], "");
        let answer = ask(&router, method, &address, None);
        let closed = operation["security"].is_array();
        assert_eq!(answer.status == 401, closed, "{method} {path}: {}", answer.status);
        assert_eq!(closed, path.starts_with("/v1/"), "{method} {path}");
        assert_ne!(answer.slug(), "not_found", "{method} {path}");
        assert_ne!(answer.slug(), "method_not_allowed", "{method} {path}");
        let statuses = operation["responses"].as_object().unwrap();
        assert!(
            statuses.contains_key(&answer.status.to_string()),
            "{method} {path}"
        );
        assert!(
            !operation["summary"].as_str().unwrap_or_default().is_empty(),
            "{method} {path}"
        );
    }
}

#[test]
fn references_lead_somewhere() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut references = 0;
    for rest in text.split("#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
        references += 1;
    }
    assert!(references > 20, "{references}");
}

#[test]
fn bounds_in_the_document_are_those_of_the_code() {
    use tickwire_service::query_history::{bars_per_page_max, signals_per_page_max};
    use tickwire_service::query_instruments::{instruments_per_page_max, search_bytes_max};
    let document = document();
    let parameter = |path: &str, name: &str| {
        let parameters = document["paths"][path]["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter();
        let mut found = parameters.filter(|parameter| parameter["name"] == name);
        found.next().unwrap()["schema"].clone()
    };
    for (path, most) in [
        ("/v1/bars/{instrument}", bars_per_page_max),
        ("/v1/signals/{instrument}", signals_per_page_max),
        ("/v1/instruments", instruments_per_page_max),
    ] {
        assert_eq!(
            parameter(path, "limit")["maximum"].as_f64(),
            Some(most as f64),
            "{path}"
        );
        let cursor = parameter(path, "cursor")["maxLength"].as_u64();
        assert_eq!(
            cursor,
            Some(tickwire_service::cursor::cursor_bytes_max as u64),
            "{path}"
        );
    }
    assert_eq!(
        parameter("/v1/instruments", "search")["maxLength"].as_u64(),
        Some(search_bytes_max as u64)
    );
}

/// Codes of HTTP are in the one table, and the statuses of the document are those of the table.
#[test]
fn statuses_are_those_of_the_table() {
    let known: Vec<u16> = ErrorCode::ALL.iter().map(|code| code.status()).collect();
    for (method, path, operation) in operations(&document()) {
        for status in operation["responses"].as_object().unwrap().keys() {
            let status: u16 = status.parse().unwrap();
            assert!(
                matches!(status, 200 | 304) || known.contains(&status),
                "{method} {path} {status}"
            );
        }
    }
}

#[test]
fn the_page_shows_all_of_it() {
    let (_house, router) = world();
    let answer = ask(&router, "GET", "/docs", Some(&token("asha", Tier::Free)));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert!(
        answer.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    for (_, path, _) in operations(&document()) {
        assert!(answer.text.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for opened in ["<details", "<table", "<tr", "<td", "<h2", "<code", "<p", "<span"] {
        let closed = opened.replace('<', "</") + ">";
        let count = |part: &str| answer.text.matches(part).count();
        let begun = count(&format!("{opened}>")) + count(&format!("{opened} "));
        assert_eq!(begun, count(&closed), "{opened}");
    }
    assert!(!answer.text.contains("<script") && !answer.text.contains("http://"));
}

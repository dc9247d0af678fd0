//! Signals over a range: what a socket was sent, and who may ask.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::testing_sockets::{House, NOW};
use tickwire_streams::StreamKey;

use super::{Answer, BTC, Router, api_on, ask, ask_with, instrument, run, token};

/// Ticks of the world, a second apart.
const TICKS: i64 = 900;

fn streams() -> [String; 5] {
    [
        format!("public:{BTC}:tick:price"),
        format!("public:{BTC}:1m:bars"),
        format!("common:{BTC}:1m:sma(close,2)"),
        format!("common:{BTC}:5m:macd(close,2,3,2)"),
        format!("personal/asha:{BTC}:tick:close>sma(close,3)"),
    ]
}

/// A house with a quarter of an hour of ticks, and the items that a socket was sent of each stream.
fn world() -> (House, Router, BTreeMap<String, Vec<Value>>) {
    let house = House::new();
    let keys = streams();
    let parsed: Vec<StreamKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
    run(house.know(&instrument(), &parsed)).unwrap();
    run(house.connect("c", Tier::Premium));
    let wanted: Vec<Value> = (0..)
        .zip(&keys)
        .map(|(s, key)| json!({"key": key, "s": s, "mode": "full"}))
        .collect();
    let request = json!({"id": 2, "op": "subscribe", "streams": wanted}).to_string();
    run(house.subscriptions.request("c", &request));
    house.sockets.take_frames("c");
    for second in 1..=TICKS {
        run(house.tick(&instrument(), 100.0 + f64::from((second * 37 % 90) as i32) / 7.0)).unwrap();
        if second % 10 == 0 {
            run(house.fold());
            assert!(run(house.deliver_all()).is_empty());
        }
    }
    let mut sent: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for frame in house.sockets.take_frames("c") {
        let items: Vec<Value> = serde_json::from_str(&frame).unwrap();
        for item in items {
            let key = &keys[item["s"].as_u64().unwrap() as usize];
            sent.entry(key.clone()).or_default().push(item);
        }
    }
    let router = api_on(&house);
    (house, router, sent)
}

fn get(router: &Router, query: &str) -> Answer {
    let token = token("asha", Tier::Premium);
    let query = query.replace('>', "%3E");
    ask(router, "GET", &format!("/v1/signals/{BTC}?{query}"), Some(&token))
}

fn at(second: i64) -> i64 {
    NOW.0 + second * UnixNanos::PER_SECOND
}

/// All pages of a question, in the order of the log.
fn all(router: &Router, query: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    for _ in 0..1_000 {
        let answer = get(router, &format!("{query}{cursor}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let page = answer.body["signals"].as_array().unwrap().clone();
        rows = [page, rows].concat();
        match answer.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
    panic!("the pages never end");
}

#[test]
fn a_range_is_what_the_socket_was_sent() {
    let (_house, router, sent) = world();
    for key in streams() {
        let sent = &sent[&key];
        assert!(sent.len() > 1, "{key}");
        for (from, to, limit) in [
            (0, TICKS, 4_096),
            (0, TICKS, 7),
            (61, 320, 50),
            (299, 301, 1),
            (890, 899, 3),
        ] {
            let query = format!("key={key}&from={}&to={}&limit={limit}", at(from), at(to));
            let rows = all(&router, &query);
            let expected: Vec<Value> = sent
                .iter()
                .filter(|item| (at(from) + 1..=at(to)).contains(&item["t"].as_i64().unwrap()))
                .map(|item| {
                    let mut row = json!({"key": key, "offset": item["o"], "t": item["t"], "d": item["d"]});
                    if let Some(wm) = item.get("wm") {
                        row["wm"] = wm.clone();
                    }
                    row
                })
                .collect();
            // As texts, which tell every bit of a number.
            let texts = |rows: &[Value]| rows.iter().map(Value::to_string).collect::<Vec<_>>();
            assert_eq!(texts(&rows), texts(&expected), "{query}");
        }
    }
}

#[test]
fn a_range_has_forms_fields_and_a_tag() {
    let (house, router, _) = world();
    house.store.advance(std::time::Duration::from_secs(TICKS as u64));
    let key = format!("common:{BTC}:1m:sma(close,2)");
    let ask = |query: &str, headers: &[(&str, &str)]| {
        let token = token("asha", Tier::Free);
        let address = format!("/v1/signals/{BTC}?key={key}&{query}");
        ask_with(&router, "GET", &address, Some(&token), headers, None)
    };
    // Without an end it is until now, and times may be written.
    let page = ask("from=2026-11-18T11:10:00Z&fields=t,d&limit=2", &[]);
    let rows = page.body["signals"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1].as_object().unwrap().len(), 2);
    assert_eq!(
        (page.body["instrument"].as_str(), page.body["epoch"].is_string()),
        (Some(BTC), true)
    );
    let link = page.headers["link"].to_str().unwrap();
    assert!(link.contains(page.body["next"].as_str().unwrap()), "{link}");
    let csv = ask(
        "from=2026-11-18T11:10:00Z&fields=t,d&limit=2",
        &[("accept", "text/csv")],
    );
    let mut lines = csv.text.lines();
    assert_eq!(lines.next(), Some("t,d"));
    let number = rows[0]["d"]["value"].to_string();
    let expected = format!("{},\"{{\"\"value\"\":{number}}}\"", rows[0]["t"]);
    assert_eq!(lines.next(), Some(expected.as_str()));
    let tag = page.headers["etag"].to_str().unwrap();
    let again = ask(
        "from=2026-11-18T11:10:00Z&fields=t,d&limit=2",
        &[("if-none-match", tag)],
    );
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

#[test]
fn who_may_not_read_a_stream_may_not_read_its_past() {
    let (house, router, _) = world();
    let asked = |key: &str, tier: Tier| {
        let key = key.replace('>', "%3E");
        let address = format!("/v1/signals/{BTC}?key={key}&from=0");
        let answer = ask(&router, "GET", &address, Some(&token("asha", tier)));
        (answer.status, answer.slug().to_owned())
    };
    let own = format!("personal/asha:{BTC}:tick:close>sma(close,3)");
    let good = (200, String::new());
    assert_eq!(asked(&own, Tier::Premium), good);
    assert_eq!(asked(&own, Tier::Free), (403, "entitlement_required".into()));
    let others = own.replace("asha", "ravi");
    assert_eq!(asked(&others, Tier::Premium), (403, "not_yours".into()));
    let sold = format!("marketplace/gold:{BTC}:1m:sma(close,2)");
    assert_eq!(asked(&sold, Tier::Standard), (403, "grant_required".into()));
    // What cannot be read is denied, where it has to be read.
    house.sockets.content().down.insert("grants");
    assert_eq!(
        asked(&sold, Tier::Standard),
        (403, "entitlement_unreadable".into())
    );
    assert_eq!(asked(&format!("public:{BTC}:tick:price"), Tier::Free), good);
}

#[test]
fn what_is_no_range() {
    let (_house, router, _) = world();
    let key = format!("public:{BTC}:tick:price");
    let check = |query: String, slug: &str, says: &str| {
        let answer = get(&router, &query);
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(answer.slug(), slug, "{query}: {}", answer.body);
        assert!(message.contains(says), "{query}: {message}");
    };
    check("from=0".into(), "parameter_invalid", "a range is of one stream");
    check(
        format!("key={key}&from=5&to=5"),
        "parameter_invalid",
        "from is not before to",
    );
    check(format!("key={key}&to=soon"), "parameter_invalid", "to is a time");
    check(
        format!("key={key}&from=0&timeframe=1m"),
        "parameter_invalid",
        "not that of key",
    );
    check(
        "key=public:NSE@NIFTY@IDX:tick:price&from=0".into(),
        "parameter_invalid",
        "not one of instrument",
    );
    check(
        format!("key=common:{BTC}:1m:sma(close,77)&from=0"),
        "not_available",
        "not being computed",
    );
    // A cursor of the newest signals, and one of another range.
    let cursor = |query: &str| get(&router, query).body["next"].as_str().unwrap().to_owned();
    let question = format!("key={key}&to={}", at(TICKS));
    let (newest, range) = (cursor("limit=1"), cursor(&format!("{question}&limit=1")));
    check(format!("{question}&cursor={newest}"), "cursor_invalid", "");
    check(format!("{question}&from=1&cursor={range}"), "cursor_invalid", "");
    check(format!("key={key}&cursor={range}"), "cursor_invalid", "");
}

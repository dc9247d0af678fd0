//! Pages: cursors, fields, forms, tags; instruments and how they are found.

use serde_json::{Value, json};
use tickwire_api::headers_bytes_max;
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;
use tickwire_service::testing_sockets::{House, NOW};

use super::{Answer, BTC, Router, ask, ask_with, run, token, world};

fn get(router: &Router, address: &str, headers: &[(&str, &str)]) -> Answer {
    let token = token("asha", Tier::Premium);
    ask_with(router, "GET", address, Some(&token), headers, None)
}

fn next(answer: &Answer) -> String {
    answer.body["next"].as_str().unwrap().to_owned()
}

/// Eleven minutes of bars, all of them closed.
fn bars_world() -> (House, Router) {
    let (house, router) = world();
    house.store.advance(std::time::Duration::from_secs(700));
    (house, router)
}

#[test]
fn a_cursor_goes_on_with_its_own_question_only() {
    let (_house, router) = bars_world();
    let question = format!("/v1/bars/{BTC}?timeframe=1m&from={}", NOW.0);
    let first = get(&router, &format!("{question}&limit=3"), &[]);
    assert_eq!(
        (first.status, first.body["bars"].as_array().unwrap().len()),
        (200, 3)
    );
    let cursor = next(&first);
    let status = |address: String| {
        let answer = get(&router, &address, &[]);
        (answer.status, answer.slug().to_owned())
    };
    let invalid = (400, "cursor_invalid".to_owned());
    let good = (200, String::new());
    // Another size of page and other fields are the same question, in any order.
    assert_eq!(status(format!("{question}&limit=5&cursor={cursor}")), good);
    assert_eq!(status(format!("{question}&fields=end&cursor={cursor}")), good);
    let turned = format!("/v1/bars/{BTC}?cursor={cursor}&from={}&timeframe=1m", NOW.0);
    assert_eq!(status(turned), good);
    for other in [
        format!("/v1/bars/{BTC}?timeframe=5m&from={}&cursor={cursor}", NOW.0),
        format!("/v1/bars/{BTC}?timeframe=1m&from={}&cursor={cursor}", NOW.0 + 1),
        format!("/v1/bars/{BTC}?timeframe=1m&cursor={cursor}"),
        format!("{question}&order=newest&cursor={cursor}"),
        format!("{question}&universe=live&cursor={cursor}"),
        format!("/v1/signals/{BTC}?cursor={cursor}"),
        format!("/v1/instruments?cursor={cursor}"),
        format!("{question}&cursor="),
        format!("{question}&cursor={}", NOW.0),
        format!("{question}&cursor={}", cursor.to_lowercase()),
        format!("{question}&cursor={}", "A".repeat(1_025)),
        format!("{question}&cursor=%00%ff"),
    ] {
        let found = status(other.clone());
        let refused = [invalid.clone(), (400, "parameter_invalid".to_owned())];
        assert!(refused.contains(&found), "{other}: {found:?}");
    }
    // The next page by its address alone.
    let link = first.headers["link"].to_str().unwrap();
    let address = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert!(link.ends_with("; rel=\"next\""), "{link}");
    let second = get(&router, &format!("/v1/bars/{BTC}{address}"), &[]);
    assert_eq!(second.body["bars"][0]["start"], first.body["bars"][2]["end"]);
}

#[test]
fn signals_come_by_pages_and_timeframe() {
    let (_house, router) = world();
    let keys = |answer: &Answer| -> Vec<String> {
        let rows = answer.body["signals"].as_array().unwrap().iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect()
    };
    let all = get(&router, &format!("/v1/signals/{BTC}"), &[]);
    assert_eq!((keys(&all).len(), all.body.get("next")), (4, None));
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = get(&router, &format!("/v1/signals/{BTC}?limit=2{cursor}"), &[]);
        paged.extend(keys(&page));
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, keys(&all));
    let of_minutes = keys(&get(&router, &format!("/v1/signals/{BTC}?timeframe=1m"), &[]));
    assert_eq!(of_minutes.len(), 2, "{of_minutes:?}");
    assert!(of_minutes.iter().all(|key| key.contains(":1m:")));
    assert_eq!(
        keys(&get(&router, &format!("/v1/signals/{BTC}?timeframe=15m"), &[])).len(),
        0
    );
    for wrong in [
        "timeframe=90s",
        "limit=0",
        "limit=4097",
        "fields=d,d",
        "fields=",
        "from=1",
    ] {
        let answer = get(&router, &format!("/v1/signals/{BTC}?{wrong}"), &[]);
        assert_eq!(
            (answer.status, answer.slug()),
            (400, "parameter_invalid"),
            "{wrong}"
        );
    }
}

#[test]
fn fields_are_those_asked_for() {
    let (_house, router) = bars_world();
    let row = |query: &str| {
        let answer = get(
            &router,
            &format!("/v1/bars/{BTC}?timeframe=1m&limit=1&{query}"),
            &[],
        );
        answer.body["bars"][0].clone()
    };
    let names = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&row("fields=close,end")), ["close", "end"]);
    assert_eq!(
        names(&row("fields=volume")),
        ["volume"],
        "what is not known is null, and there"
    );
    let whole = row("");
    let mut all = names(&whole);
    let mut known = [
        "start",
        "end",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "open_interest",
        "ticks",
    ];
    all.sort_unstable();
    known.sort_unstable();
    assert_eq!(all, known);
    assert_eq!(row("fields=close")["close"], whole["close"]);
    for wrong in [
        "fields=",
        "fields=Close",
        "fields=close,close",
        "fields=close,",
        "fields=colour",
    ] {
        let answer = get(&router, &format!("/v1/bars/{BTC}?timeframe=1m&{wrong}"), &[]);
        assert_eq!(
            (answer.status, answer.slug()),
            (400, "parameter_invalid"),
            "{wrong}"
        );
    }
}

#[test]
fn rows_as_csv() {
    let (_house, router) = bars_world();
    let csv = [("accept", "text/csv")];
    let address = format!("/v1/bars/{BTC}?timeframe=1m&limit=2&fields=end,close,open_interest");
    let answer = get(&router, &address, &csv);
    assert_eq!(
        answer.headers["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
    assert!(
        answer.headers.contains_key("link"),
        "the next page is told in a header"
    );
    let end = |second: i64| NOW.0 + second * UnixNanos::PER_SECOND;
    let expected = format!(
        "end,close,open_interest\r\n{},19.0,\r\n{},79.0,\r\n",
        end(20),
        end(80)
    );
    assert_eq!(answer.text, expected);
    let answer = get(
        &router,
        &format!("/v1/signals/{BTC}?timeframe=tick&fields=d,key"),
        &csv,
    );
    let expected = format!("d,key\r\n\"{{\"\"price\"\":660.0}}\",public:{BTC}:tick:price\r\n");
    assert_eq!(answer.text, expected);
    let answer = get(&router, "/v1/instruments?fields=key,strike", &csv);
    assert_eq!(answer.text, format!("key,strike\r\n{BTC},\r\n"));
    // An error is JSON whatever was asked for.
    let answer = get(&router, &format!("/v1/bars/{BTC}"), &csv);
    assert_eq!((answer.status, answer.slug()), (400, "parameter_invalid"));
}

#[test]
fn what_the_reader_has_is_not_sent_again() {
    let (house, router) = bars_world();
    for address in [
        format!("/v1/bars/{BTC}?timeframe=1m"),
        format!("/v1/signals/{BTC}"),
        "/v1/instruments".to_owned(),
        "/openapi.json".to_owned(),
        "/docs".to_owned(),
    ] {
        let first = get(&router, &address, &[]);
        let tag = first.headers["etag"].to_str().unwrap().to_owned();
        let again = get(&router, &address, &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{address}");
        assert_eq!(again.headers["etag"], tag.as_str(), "{address}");
        assert_eq!(again.headers["vary"], "accept, authorization", "{address}");
        let other = get(&router, &address, &[("if-none-match", "\"other\"")]);
        assert_eq!((other.status, &other.text), (200, &first.text), "{address}");
    }
    let address = format!("/v1/bars/{BTC}?timeframe=1m");
    let json = get(&router, &address, &[]).headers["etag"].clone();
    let csv = get(&router, &address, &[("accept", "text/csv")]).headers["etag"].clone();
    assert_ne!(json, csv);
    let instrument = BTC.parse().unwrap();
    for second in 661..=760 {
        run(house.tick(&instrument, f64::from(second))).unwrap();
    }
    run(house.fold());
    let moved = get(&router, &address, &[("if-none-match", json.to_str().unwrap())]);
    assert_eq!(moved.status, 200, "one more bar is closed");
}

#[test]
fn forms_that_are_not() {
    let (_house, router) = world();
    let check = |address: &str, accept: &str, status: i64| {
        let answer = get(&router, address, &[("accept", accept)]);
        let slug = if status == 406 { "not_acceptable" } else { "" };
        assert_eq!(
            (answer.status, answer.slug()),
            (status, slug),
            "{address} {accept}"
        );
    };
    for address in [
        &format!("/v1/signals/{BTC}"),
        "/v1/instruments",
        "/health",
        "/openapi.json",
    ] {
        check(address, "*/*", 200);
        check(address, "application/json", 200);
        check(address, "image/png", 406);
    }
    check("/docs", "text/html,application/xhtml+xml;q=0.9", 200);
    check("/docs", "application/json", 406);
    check("/health", "text/csv", 406);
}

#[test]
fn addresses_have_a_bound() {
    let (_house, router) = world();
    let long = format!("/v1/instruments?search={}", "x".repeat(4_096));
    let answer = ask(&router, "GET", &long, None);
    assert_eq!((answer.status, answer.slug()), (414, "address_too_long"));
    let answer = ask(&router, "GET", &format!("/{}", "x".repeat(4_096)), None);
    assert_eq!((answer.status, answer.slug()), (414, "address_too_long"));
    let check = |bytes: usize, status: i64, slug: &str| {
        let value = "x".repeat(bytes);
        let answer = ask_with(&router, "GET", "/health", None, &[("x-padding", &value)], None);
        assert_eq!((answer.status, answer.slug()), (status, slug), "{bytes}");
    };
    check(headers_bytes_max - 1_024, 200, "");
    check(headers_bytes_max, 413, "message_too_large");
}

fn introduce(house: &House, instrument: &str) {
    let price = format!("public:{instrument}:tick:price").parse().unwrap();
    run(house.know(&instrument.parse().unwrap(), &[price])).unwrap();
}

/// An index, three options of it and a share, beside the coin.
fn catalogue() -> (House, Router) {
    let (house, router) = world();
    for key in [
        "NSE@NIFTY@IDX",
        "NFO@NIFTY@OPT@2026-11-26@CE@24000",
        "NFO@NIFTY@OPT@2026-11-26@PE@24000.5",
        "NFO@NIFTY@OPT@2026-12-31@CE@25000",
        "NFO@NIFTY@FUT@2026-12-31",
        "NASDAQ@AAPL@EQ",
    ] {
        introduce(&house, key);
    }
    run(house.fold());
    (house, router)
}

#[test]
fn instruments_are_found() {
    let (house, router) = catalogue();
    let find = |query: &str| -> Vec<String> {
        let answer = get(&router, &format!("/v1/instruments?{query}"), &[]);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let rows = answer.body["instruments"].as_array().unwrap().iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect()
    };
    let (index, share, future) = ("NSE@NIFTY@IDX", "NASDAQ@AAPL@EQ", "NFO@NIFTY@FUT@2026-12-31");
    let call = "NFO@NIFTY@OPT@2026-11-26@CE@24000";
    let put = "NFO@NIFTY@OPT@2026-11-26@PE@24000.5";
    let later = "NFO@NIFTY@OPT@2026-12-31@CE@25000";
    assert_eq!(find(""), [BTC, share, future, call, put, later, index]);
    assert_eq!(find("search=nifty%20ce"), [call, later]);
    assert_eq!(find("search=aapl"), [share]);
    assert_eq!(find("search=nothing"), [""; 0]);
    assert_eq!(find("exchange=NFO&product=OPT"), [call, put, later]);
    assert_eq!(find("product=IDX"), [index]);
    assert_eq!(find("expiry_from=2026-11-27"), [future, later]);
    assert_eq!(find("expiry_from=2026-11-26&expiry_to=2026-11-26"), [call, put]);
    assert_eq!(find("strike_min=24000.5"), [put, later]);
    assert_eq!(find("strike_min=24000&strike_max=24000"), [call]);
    assert_eq!(find("universe=sim-none"), [""; 0]);
    let row = get(&router, &format!("/v1/instruments?search={put}"), &[]).body["instruments"][0].clone();
    let expected = json!({
        "key": put, "exchange": "NFO", "symbol": "NIFTY", "product": "OPT",
        "expiry": "2026-11-26", "right": "PE", "strike": 24000.5,
    });
    assert_eq!(row, expected);
    assert_eq!(
        get(&router, "/v1/instruments?product=IDX", &[]).body["instruments"][0].get("strike"),
        None
    );

    let mut paged = Vec::new();
    let mut cursor = String::new();
    for _ in 0..10 {
        let page = get(
            &router,
            &format!("/v1/instruments?exchange=NFO&limit=1{cursor}"),
            &[],
        );
        paged.push(page.body["instruments"][0]["key"].as_str().unwrap().to_owned());
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, [future, call, put, later]);

    // A new one is found when what is held is ten seconds old, and no sooner.
    introduce(&house, "NASDAQ@IBM@EQ");
    run(house.fold());
    assert_eq!(find("search=IBM"), [""; 0]);
    house.store.advance(std::time::Duration::from_secs(10));
    assert_eq!(find("search=IBM"), ["NASDAQ@IBM@EQ"]);
}

#[test]
fn searches_are_bounded() {
    let (_house, router) = world();
    for wrong in [
        "search=",
        &format!("search={}", "x".repeat(65)),
        "exchange=nse",
        "exchange=",
        "exchange=N%40S",
        "product=opt",
        "product=",
        "expiry_from=tomorrow",
        "expiry_from=2026-13-01",
        "expiry_from=2026-11-26T00:00:00Z",
        "expiry_from=2026-11-27&expiry_to=2026-11-26",
        "strike_min=NaN",
        "strike_min=inf",
        "strike_min=-1",
        "strike_min=1e999",
        "strike_min=",
        "strike_min=2&strike_max=1",
        "limit=1001",
        "limit=0",
        "universe=Mars",
        "colour=red",
        "search=a&search=b",
    ] {
        let answer = get(&router, &format!("/v1/instruments?{wrong}"), &[]);
        assert_eq!(
            (answer.status, answer.slug()),
            (400, "parameter_invalid"),
            "{wrong}: {}",
            answer.text
        );
    }
}

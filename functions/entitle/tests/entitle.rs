//! Replays the sample events.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tickwire_entitle::{EntitleRequest, EntitleResponse, entitle_streams_max, handle};
use tickwire_entitlements::{Grant, Policy, Product};
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::entitle::Entitle;
use tickwire_service::ports::{Clock, Grants, PortError, PortResult};
use tickwire_service::testing_sockets::Sockets;

/// The moment of the sample events.
const NOW: UnixNanos = UnixNanos(1_795_000_000 * UnixNanos::PER_SECOND);

struct Late(i64);

impl Clock for Late {
    fn now(&self) -> UnixNanos {
        NOW.saturating_add(self.0 * UnixNanos::PER_SECOND)
    }
}

/// One product for everyone, or a store that is down.
struct Store {
    down: bool,
}

#[async_trait]
impl Grants for Store {
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>> {
        if self.down {
            return Err(PortError::Unavailable {
                what: "grants",
                why: "told to".into(),
            });
        }
        let day = 86_400 * UnixNanos::PER_SECOND;
        let (from, until) = (NOW.saturating_add(-day), NOW.saturating_add(day));
        Ok(vec![Grant {
            user: user.into(),
            product: "breakout".into(),
            from,
            until,
            trial: true,
            version: 1,
        }])
    }

    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>> {
        assert_eq!(names, ["breakout"]);
        let mut product = Product::new("breakout", Policy::Auto);
        product.publish(vec!["*:*:*".parse().unwrap()], NOW).unwrap();
        Ok(vec![product])
    }
}

fn event(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The sample event with one field changed.
fn event_with(field: &str, value: Value) -> Value {
    let mut event = event("entitle");
    event[field] = value;
    event
}

fn ask_when(down: bool, late_s: i64, event: Value) -> Value {
    let entitle = Entitle::new(Access::new(
        Sockets::new(),
        Arc::new(Store { down }),
        Arc::new(Late(late_s)),
    ));
    serde_json::to_value(handle(&entitle, event).now_or_never().unwrap()).unwrap()
}

fn ask(event: Value) -> Value {
    ask_when(false, 0, event)
}

/// The answer's verdicts, each with its code and the tier it asks for.
fn verdicts(answer: &Value) -> Vec<String> {
    let word = |decision: &Value, field: &str| decision[field].as_str().unwrap_or_default().to_owned();
    let decisions = answer["decisions"].as_array().unwrap();
    decisions
        .iter()
        .map(|d| {
            format!(
                "{} {} {}",
                word(d, "decision"),
                word(d, "code"),
                word(d, "required")
            )
            .trim()
            .to_owned()
        })
        .collect()
}

#[test]
fn the_sample_is_decided() {
    let answer = ask(event("entitle"));
    let expected = [
        "allow",
        "allow",
        "deny entitlement_required premium",
        "allow",
        "deny grant_required",
        "deny entitlement_required premium",
        "deny stream_malformed",
    ];
    assert_eq!(verdicts(&answer), expected);
    let keys = answer["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| &decision["key"]);
    assert!(
        keys.eq(event("entitle")["streams"].as_array().unwrap()),
        "decisions keep the order"
    );
    assert_eq!(
        answer["decisions"][4],
        json!({
            "key": "marketplace/swing:NSE@NIFTY@IDX:5m:rsi(close,14)",
            "decision": "deny",
            "code": "grant_required",
            "reason": "the stream needs a grant for its product: buy it or ask for a trial",
        })
    );
}

#[test]
fn a_store_that_is_down_denies_products_alone() {
    let expected = [
        "allow",
        "allow",
        "deny entitlement_required premium",
        "deny entitlement_unreadable",
        "deny entitlement_unreadable",
        "deny entitlement_required premium",
        "deny stream_malformed",
    ];
    assert_eq!(verdicts(&ask_when(true, 0, event("entitle"))), expected);
}

#[test]
fn an_identity_that_has_ended_reads_nothing() {
    let answer = ask_when(false, 600, event("entitle"));
    assert_eq!(verdicts(&answer)[..6], ["deny identity_expired"; 6]);
}

#[test]
fn without_an_end_the_caller_answers_for_the_identity() {
    let mut event = event("entitle");
    event.as_object_mut().unwrap().remove("expires_at_ms");
    assert_eq!(verdicts(&ask_when(false, 0, event))[0], "allow");
}

#[test]
fn keys_that_are_none_are_denied_one_by_one() {
    let keys = [
        "",
        "price",
        "public:NSE@NIFTY@IDX:1m:price",
        "public:NSE@NIFTY@IDX:5m:rsi(close,14)",
        "paid:NSE@NIFTY@IDX:5m:rsi(close,14)",
        "marketplace:NSE@NIFTY@IDX:5m:rsi(close,14)",
        "personal/a b:NSE@NIFTY@IDX:5m:rsi(close,14)",
        "common:nse@nifty@idx:5m:rsi(close,14)",
        "public:NSE@NIFTY@IDX:tick:price",
    ];
    let found = verdicts(&ask(event_with("streams", json!(keys))));
    assert_eq!(found[..8], ["deny stream_malformed"; 8]);
    assert_eq!(found[8], "allow");
}

#[test]
fn a_request_that_is_none_is_refused_as_a_whole() {
    let check = |event: Value, code: &str| {
        let answer = ask(event);
        assert_eq!(answer, json!({"v": 1, "decisions": [], "code": code}));
    };
    check(event("entitle-malformed"), "message_malformed");
    for event in [json!(null), json!({}), json!([])] {
        check(event, "message_malformed");
    }
    check(event_with("v", json!(2)), "message_malformed");
    check(event_with("universe", json!("live")), "message_malformed");
    check(event_with("tier", json!("Premium")), "message_malformed");
    check(
        event_with("streams", json!("public:NSE@NIFTY@IDX:tick:price")),
        "message_malformed",
    );
    check(event_with("streams", json!([1])), "message_malformed");
    check(event_with("user", json!("a b")), "parameter_invalid");
    check(event_with("user", json!("")), "parameter_invalid");
    let price = "public:NSE@NIFTY@IDX:tick:price";
    check(
        event_with("streams", json!(vec![price; entitle_streams_max + 1])),
        "streams_per_request_max",
    );
    assert_eq!(
        verdicts(&ask(event_with(
            "streams",
            json!(vec![price; entitle_streams_max])
        )))
        .len(),
        entitle_streams_max
    );
    assert_eq!(
        ask(event_with("streams", json!([]))),
        json!({"v": 1, "decisions": []})
    );
}

#[test]
fn request_and_response_come_back_from_json() {
    let request = serde_json::from_value::<EntitleRequest>(event("entitle")).unwrap();
    assert_eq!(serde_json::to_value(&request).unwrap(), event("entitle"));
    let answer = ask(event("entitle"));
    let response = serde_json::from_value::<EntitleResponse>(answer.clone()).unwrap();
    assert_eq!(serde_json::to_value(&response).unwrap(), answer);
}

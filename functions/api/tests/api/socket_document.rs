//! The socket's document against the protocol's page, and against what is really said.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};
use tickwire_entitlements::Tier;
use tickwire_service::testing_sockets::House;

use super::{BTC, ask, instrument, run, world};

struct Messages(Value);

impl Messages {
    fn new() -> Self {
        Self(tickwire_api::socket_document())
    }

    fn validator(&self, name: &str) -> Validator {
        let mut schema = self.0["components"]["messages"][name]["payload"].clone();
        assert!(schema.is_object(), "{name}");
        schema["components"] = self.0["components"].clone();
        jsonschema::draft202012::new(&schema).unwrap()
    }

    /// Fails unless the text is a message of that name.
    fn check(&self, name: &str, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        let validator = self.validator(name);
        let errors: Vec<String> = validator
            .iter_errors(&message)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}: {text}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = tickwire_api::socket_document();
    let text = document.to_string();
    let mut seen = BTreeSet::new();
    for rest in text.split(r##""$ref":"#"##).skip(1) {
        let pointer = rest.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        seen.insert(pointer);
    }
    assert!(seen.len() > 25, "{seen:?}");
}

#[test]
fn every_example_is_of_its_schema() {
    let messages = Messages::new();
    let all = messages.0["components"]["messages"].as_object().unwrap();
    for (name, message) in all {
        let examples = message["examples"].as_array().unwrap();
        assert!(!examples.is_empty(), "{name} has no example");
        for example in examples {
            messages.check(name, &example["payload"].to_string());
        }
    }
    let fences = tickwire_wire::PROTOCOL_PAGE.matches("\n```json ").count();
    let examples: usize = all
        .values()
        .map(|message| message["examples"].as_array().unwrap().len())
        .sum();
    assert_eq!(examples + 1, fences, "all but the ticket, which HTTP gives");
}

#[test]
fn schemas_refuse_what_is_none() {
    let messages = Messages::new();
    let check = |name: &str, message: Value| {
        assert!(!messages.validator(name).is_valid(&message), "{name}: {message}");
    };
    check("hello", json!({"op": "hello"}));
    check("hello", json!({"id": 1, "op": "list"}));
    check("list", json!({"id": 1, "op": "list", "more": 1}));
    check(
        "subscribe",
        json!({"id": 1, "op": "subscribe", "streams": [{"key": "a"}]}),
    );
    check(
        "subscribe",
        json!({"id": 1, "op": "subscribe", "streams": [{"key": "a", "s": 1, "mode": "some"}]}),
    );
    check(
        "frames",
        json!([{"s": 1, "k": "signal", "o": 7, "t": 1, "r": 1, "d": {"value": 1}}]),
    );
    check(
        "frames",
        json!([{"s": 1, "k": "signal", "o": null, "prev": 6, "t": 1, "r": 1, "d": {"value": 1}}]),
    );
    check(
        "frames",
        json!([{"s": 1, "k": "snapshot", "o": 7, "d": {"value": null}}]),
    );
    check("frames", json!([{"s": 1, "k": "revoked"}]));
    check("error", json!({"id": 1}));
    check("goodbye", json!({"goodbye": {"code": "lifetime"}}));
}

#[test]
fn what_is_said_on_a_socket_is_of_its_schema() {
    let messages = Messages::new();
    let (house, _) = world();
    let connection = "c1";
    messages.check("welcome", &run(house.connect(connection, Tier::Premium)));
    let say = |request: Value, answer: &str| {
        let op = request["op"].as_str().unwrap().to_owned();
        messages.check(&op, &request.to_string());
        let reply = run(house.subscriptions.request(connection, &request.to_string()));
        messages.check(answer, &reply);
    };
    let keys = [
        format!("public:{BTC}:tick:price"),
        format!("public:{BTC}:1m:bars"),
        format!("common:{BTC}:1m:sma(close,2)"),
        format!("common:{BTC}:1d:sma(close,50)"),
        format!("personal/asha:{BTC}:1m:sma(close,3)"),
        format!("personal/ravi:{BTC}:1m:sma(close,3)"),
        "nonsense".to_owned(),
    ];
    let streams: Vec<Value> = keys
        .iter()
        .zip(1..)
        .map(|(key, s)| json!({"key": key, "s": s}))
        .collect();
    say(
        json!({"id": 2, "op": "subscribe", "streams": streams}),
        "subscribed",
    );
    minute(&house);
    say(json!({"id": 3, "op": "ping", "at": {"1": 65_536}}), "pong");
    say(json!({"id": 4, "op": "list"}), "subscribed");
    say(json!({"id": 5, "op": "unsubscribe", "s": [1]}), "subscribed");
    say(json!({"id": 5, "op": "list"}), "error");
    let (mut kinds, mut fields) = (BTreeSet::new(), BTreeSet::new());
    let frames = house.sockets.take_frames(connection);
    for frame in &frames {
        messages.check("frames", frame);
        let items: Vec<Value> = serde_json::from_str(frame).unwrap();
        for item in items {
            kinds.insert(item["k"].as_str().unwrap().to_owned());
            fields.extend(item.as_object().unwrap().keys().cloned());
        }
    }
    assert_eq!(kinds, ["signal", "snapshot"].map(str::to_owned).into());
    // Nothing is said that the document does not name.
    let items = messages.0["components"]["schemas"]["DataFrame"]["oneOf"]
        .as_array()
        .unwrap();
    let named: BTreeSet<String> = items
        .iter()
        .flat_map(|item| item["properties"].as_object().unwrap().keys().cloned())
        .collect();
    assert!(fields.is_subset(&named), "{fields:?}");
    assert!(fields.contains("wm"), "personal streams are marked: {fields:?}");
}

/// A minute of ticks more, delivered.
fn minute(house: &House) {
    for second in 1..=130 {
        run(house.tick(&instrument(), f64::from(second))).unwrap();
        run(house.fold());
    }
    assert_eq!(run(house.deliver_all()), Vec::<String>::new());
}

#[test]
fn it_is_served() {
    let (_house, router) = world();
    let answer = ask(&router, "GET", "/asyncapi.json", None);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, tickwire_api::socket_document());
}

//! Dead letters over HTTP: seen and sent back by admins only, and never lost.

use serde_json::json;
use tickwire_entitlements::Tier;
use tickwire_service::ports::{Park, Parked, Queue};
use tickwire_service::testing::Fault;

use crate::access::admin;
use crate::{Answer, ask, ask_with, run, token, world};

fn parked(n: usize) -> Parked {
    Parked {
        queue: Queue::Ticks,
        // Twelve of one group, then one of another.
        group: if n < 12 { "live/A" } else { "live/B" }.to_owned(),
        message_id: format!("m{n:02}"),
        reason: "message_malformed".to_owned(),
        detail: "it is not JSON".to_owned(),
        body: "{".repeat(n + 1),
    }
}

fn post(router: &axum::Router, token: &str, body: &str) -> Answer {
    let json_form = [("content-type", "application/json")];
    ask_with(
        router,
        "POST",
        "/v1/dead-letters/ticks",
        Some(token),
        &json_form,
        Some(body),
    )
}

#[test]
fn letters_are_seen_and_sent_back() {
    let (house, router) = world();
    for n in 0..13 {
        run(house.process.park(parked(n))).unwrap();
    }
    let admin = admin();
    let list = || ask(&router, "GET", "/v1/dead-letters/ticks", Some(&admin));
    let listed = list();
    assert_eq!(
        (listed.status, &listed.body["count"]),
        (200, &json!(13)),
        "{}",
        listed.text
    );
    // Ten of the one group, and the other's.
    let ids: Vec<&str> = listed.body["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "m00", "m01", "m02", "m03", "m04", "m05", "m06", "m07", "m08", "m09", "m12"
        ]
    );
    assert_eq!(listed.body["letters"][1]["bytes"], 2);
    assert!(listed.body["letters"][1]["body"].is_null());
    // Looking leaves the queue as it was.
    assert_eq!(list().text, listed.text);
    let one = ask(&router, "GET", "/v1/dead-letters/ticks/m02", Some(&admin));
    assert_eq!((one.status, &one.body["body"]), (200, &json!("{{{")));
    let behind = ask(&router, "GET", "/v1/dead-letters/ticks/m11", Some(&admin));
    assert_eq!((behind.status, behind.slug()), (404, "not_found"));
    let other = ask(&router, "GET", "/v1/dead-letters/signals", Some(&admin));
    assert_eq!(other.body, json!({"count": 0, "letters": []}));

    let sent = |group: &str| -> Vec<String> {
        let content = house.store.content();
        let sent = content
            .sent
            .iter()
            .filter(|(queue, message)| *queue == Queue::Ticks && message.group == group);
        sent.map(|(_, message)| message.body.clone()).collect()
    };
    let done = post(&router, &admin, r#"{"ids":["m12","m01","m11","x"]}"#);
    let expected = json!({"redriven": ["m01", "m12"], "not_found": ["m11", "x"], "left": 11});
    assert_eq!((done.status, &done.body), (200, &expected), "{}", done.text);
    assert_eq!(
        (sent("live/A"), sent("live/B")),
        (vec!["{{".to_owned()], vec!["{".repeat(13)])
    );
    assert!(house.store.content().in_hand.is_empty(), "nothing stays in hand");

    let done = post(&router, &admin, r#"{"oldest":100}"#);
    assert_eq!(
        (
            &done.body["left"],
            done.body["redriven"].as_array().unwrap().len()
        ),
        (&json!(0), 11)
    );
    assert_eq!(sent("live/A").len(), 12);
    assert!(house.store.content().parked.is_empty());
}

#[test]
fn what_cannot_be_sent_stays_a_dead_letter() {
    let (house, router) = world();
    run(house.process.park(parked(0))).unwrap();
    house
        .process
        .set_script(|call| (call.what == "send").then_some(Fault::Before));
    let done = post(&router, &admin(), r#"{"oldest":1}"#);
    assert_eq!((done.status, done.slug()), (503, "unavailable"));
    assert_eq!(house.store.content().parked.len(), 1);
    assert!(house.store.content().in_hand.is_empty());
}

#[test]
fn only_admins_and_only_what_is_asked_rightly() {
    let (_house, router) = world();
    let reader = token("asha", Tier::Enterprise);
    for (method, address) in [
        ("GET", "/v1/dead-letters/ticks"),
        ("GET", "/v1/dead-letters/ticks/m1"),
        ("POST", "/v1/dead-letters/ticks"),
    ] {
        let denied = ask(&router, method, address, Some(&reader));
        assert_eq!(
            (denied.status, denied.slug()),
            (403, "role_required"),
            "{method} {address}"
        );
        assert_eq!(ask(&router, method, address, None).status, 401);
    }
    let admin = admin();
    for address in [
        "/v1/dead-letters/other",
        "/v1/dead-letters/ticks?limit=0",
        "/v1/dead-letters/ticks?limit=101",
        "/v1/dead-letters/ticks?x=1",
    ] {
        let wrong = ask(&router, "GET", address, Some(&admin));
        assert_eq!(
            (wrong.status, wrong.slug()),
            (400, "parameter_invalid"),
            "{address}"
        );
    }
    for (body, slug) in [
        ("{}", "parameter_invalid"),
        (r#"{"ids":[]}"#, "parameter_invalid"),
        (r#"{"oldest":0}"#, "parameter_invalid"),
        (r#"{"oldest":101}"#, "parameter_invalid"),
        (r#"{"oldest":1,"ids":["a"]}"#, "parameter_invalid"),
        (r#"{"all":true}"#, "message_malformed"),
        ("{", "message_malformed"),
    ] {
        let wrong = post(&router, &admin, body);
        assert_eq!((wrong.status, wrong.slug()), (400, slug), "{body}");
    }
}

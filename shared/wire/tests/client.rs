//! What clients send: what is taken, and what is refused with which words.

use proptest::prelude::*;
use tickwire_streams::Offset;
use tickwire_wire::{Mode, Operation, Since, StreamRequest, parse_request, socket_message_bytes_max};

#[test]
fn every_operation_is_read() {
    let check = |text: &str, expected: Operation| {
        let read = parse_request(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(read.id, 7);
        assert_eq!(read.operation, expected, "{text}");
    };
    check(r#"{"id":7,"op":"hello"}"#, Operation::Hello { universe: None });
    check(
        r#"{"op":"hello","universe":"sim-1","id":7}"#,
        Operation::Hello {
            universe: Some("sim-1".into()),
        },
    );
    let stream = StreamRequest {
        key: "k".into(),
        s: 3,
        mode: Mode::Full,
        since: None,
    };
    check(
        r#"{"id":7,"op":"subscribe","streams":[]}"#,
        Operation::Subscribe { streams: vec![] },
    );
    check(
        r#"{"id":7,"op":"subscribe","streams":[{"key":"k","s":3}]}"#,
        Operation::Subscribe {
            streams: vec![stream.clone()],
        },
    );
    check(
        r#"{"id":7,"op":"subscribe","streams":[{"key":"k","s":3,"mode":"last","since":{"epoch":"k3","offset":9}}]}"#,
        Operation::Subscribe {
            streams: vec![StreamRequest {
                mode: Mode::Last,
                since: Some(Since {
                    epoch: "k3".into(),
                    offset: Offset(9),
                }),
                ..stream
            }],
        },
    );
    check(
        r#"{"id":7,"op":"unsubscribe","s":[3,4]}"#,
        Operation::Unsubscribe { s: vec![3, 4] },
    );
    check(r#"{"id":7,"op":"list"}"#, Operation::List {});
    check(r#"{"id":7,"op":"ping"}"#, Operation::Ping { at: [].into() });
    check(
        r#"{"id":7,"op":"ping","at":{"3":9121,"4294967295":0}}"#,
        Operation::Ping {
            at: [(3, Offset(9121)), (u32::MAX, Offset(0))].into(),
        },
    );
}

#[test]
fn what_is_wrong_is_said_with_the_id() {
    let check = |text: &str, id: Option<u64>, slug: &str, words: &str| {
        let (found, error) = parse_request(text).unwrap_err();
        assert_eq!((found, error.slug.as_str()), (id, slug), "{text}: {error:?}");
        assert!(
            error.message.contains(words),
            "{text}: {:?} lacks {words:?}",
            error.message
        );
    };
    check("", None, "message_malformed", "EOF");
    check("[]", None, "message_malformed", "");
    check("null", None, "message_malformed", "");
    check(r#"{"op":"list"}"#, None, "message_malformed", "id is missing");
    for id in ["-1", "1.0", "1e3", "\"1\"", "null", "18446744073709551616"] {
        check(
            &format!(r#"{{"op":"list","id":{id}}}"#),
            None,
            "message_malformed",
            "id is missing",
        );
    }
    check(r#"{"id":1}"#, Some(1), "message_malformed", "op is missing");
    check(
        r#"{"id":1,"op":5}"#,
        Some(1),
        "message_malformed",
        "op is missing",
    );
    check(
        r#"{"id":1,"op":"trade"}"#,
        Some(1),
        "operation_unknown",
        "hello, subscribe",
    );
    check(
        r#"{"id":1,"op":"list","x":1}"#,
        Some(1),
        "message_malformed",
        "unknown field `x`",
    );
    check(
        r#"{"id":1,"op":"subscribe"}"#,
        Some(1),
        "message_malformed",
        "missing field `streams`",
    );
    check(
        r#"{"id":1,"op":"subscribe","streams":[{"s":1}]}"#,
        Some(1),
        "message_malformed",
        "missing field `key`",
    );
    check(
        r#"{"id":1,"op":"subscribe","streams":[{"key":"k"}]}"#,
        Some(1),
        "message_malformed",
        "missing field `s`",
    );
    check(
        r#"{"id":1,"op":"subscribe","streams":[{"key":"k","s":1,"mode":"some"}]}"#,
        Some(1),
        "message_malformed",
        "unknown variant `some`",
    );
    check(
        r#"{"id":1,"op":"subscribe","streams":[{"key":"k","s":4294967296}]}"#,
        Some(1),
        "message_malformed",
        "u32",
    );
    check(
        r#"{"id":1,"op":"ping","at":{"x":1}}"#,
        Some(1),
        "message_malformed",
        "not a handle",
    );
    check(
        r#"{"id":1,"op":"ping","at":{"1":-1}}"#,
        Some(1),
        "message_malformed",
        "invalid value",
    );
    let padded = |bytes: usize| {
        let body = r#"{"id":1,"op":"list"}"#;
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert!(parse_request(&padded(socket_message_bytes_max)).is_ok());
    check(
        &padded(socket_message_bytes_max + 1),
        None,
        "message_too_large",
        "32768",
    );
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    for (open, middle, close) in [("[", "", "]"), (r#"{"a":"#, "1", "}")] {
        for depth in [200, 5_000] {
            let nest = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            for text in [nest.clone(), format!(r#"{{"id":1,"op":"list","x":{nest}}}"#)] {
                let (_, error) = parse_request(&text).unwrap_err();
                assert!(
                    ["message_malformed", "message_too_large"].contains(&error.slug.as_str()),
                    "{error:?}"
                );
            }
        }
    }
    // 10,000 levels fit into a message; the text is refused, not the stack overrun.
    let (_, error) = parse_request(&"[".repeat(10_000)).unwrap_err();
    assert_eq!(error.slug, "message_malformed");
    let (_, error) = parse_request(&format!(r#"{{"id":1,"op":{}"#, "[".repeat(10_000))).unwrap_err();
    assert!(error.message.contains("recursion limit"), "{error:?}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = parse_request(&text);
    }

    #[test]
    fn no_near_miss_makes_it_panic(
        op in "hello|subscribe|unsubscribe|list|ping|x",
        field in "streams|s|at|universe|since|id",
        value in "[\\[\\]{}\",:0-9a-z.eE-]{0,30}",
        cut in 0usize..80,
    ) {
        let text = format!(r#"{{"id":1,"op":"{op}","{field}":{value}}}"#);
        let _ = parse_request(&text);
        let _ = parse_request(&text[..cut.min(text.len())]);
    }
}

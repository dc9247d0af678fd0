//! Messages of the queue of events: what is refused, and that what is written
//! reads back to the bit.

use proptest::prelude::*;
use tickwire_market::{InstrumentKey, Tick, UnixNanos};
use tickwire_signals::{Event, PlanChange, ReferenceChange};
use tickwire_streams::{GroupKey, StreamKey};
use tickwire_wire::{
    InboundError, Sender, clock_message, events_per_message_max, message_bytes_max, parse_inbound,
    plan_message, reference_message, sequence_max, ticks_message,
};

#[expect(dead_code, reason = "every test file uses a part of it")]
mod support;
use support::{exact, tick};

const HEAD: &str =
    r#""v":1,"group":"live/NIFTY","source":"feed-1","epoch":3,"seq":7,"sent":1790000000000000000"#;
const TICK: &str = r#"{"i":"NSE@NIFTY@IDX","t":1790000000000000000,"p":24000.05}"#;

fn message(content: &str) -> String {
    format!("{{{HEAD},{content}}}")
}

#[test]
fn a_message_that_is_none_is_refused_whole() {
    let check = |body: &str, code: &str, words: &str| {
        let error = parse_inbound(body).unwrap_err();
        let text = error.to_string();
        let start: String = body.chars().take(120).collect();
        assert_eq!(error.code(), code, "{start}: {text}");
        assert!(text.contains(words), "{start}: {text:?} lacks {words:?}");
    };
    let good = message(&format!(r#""ticks":[{TICK}]"#));
    assert!(parse_inbound(&good).is_ok());

    check("", "message_malformed", "EOF");
    check("null", "message_malformed", "struct");
    check("{", "message_malformed", "EOF");
    check(&good[..good.len() - 1], "message_malformed", "EOF");
    check(&format!("{good} x"), "message_malformed", "trailing");
    check(&format!("[{good}]"), "message_malformed", "");
    check(
        &good.replace(r#""v":1"#, r#""v":2"#),
        "message_version_unknown",
        "version 2",
    );
    check(
        &good.replace(r#""v":1"#, r#""v":2,"new":true"#),
        "message_version_unknown",
        "version 2",
    );
    check(
        &good.replace(r#""v":1"#, r#""v":"1""#),
        "message_malformed",
        "invalid type",
    );
    check(
        &good.replace(r#""v":1,"#, ""),
        "message_malformed",
        "missing field `v`",
    );
    check(
        &good.replace(r#""v":1"#, r#""v":1,"x":0"#),
        "message_malformed",
        "unknown field `x`",
    );
    check(
        &good.replace(r#""epoch":3,"#, ""),
        "message_malformed",
        "missing field `epoch`",
    );
    check(
        &good.replace(r#""epoch":3"#, r#""epoch":-1"#),
        "message_malformed",
        "invalid value",
    );
    check(
        &good.replace(r#""epoch":3"#, r#""epoch":3,"epoch":4"#),
        "message_malformed",
        "duplicate field",
    );
    check(
        &good.replace(r#""sent":1790000000000000000"#, r#""sent":1e400"#),
        "message_malformed",
        "",
    );
    check(
        &good.replace(r#""sent":1790000000000000000"#, r#""sent":1.5"#),
        "message_malformed",
        "",
    );
    check(
        &good.replace("live/NIFTY", "NIFTY"),
        "message_malformed",
        "universe/NAME",
    );
    check(
        &good.replace("live/NIFTY", "Live/NIFTY"),
        "message_malformed",
        "universe",
    );
    check(
        &good.replace("live/NIFTY", "live/"),
        "message_malformed",
        "universe/NAME",
    );
    check(&good.replace("feed-1", ""), "message_source_invalid", "source");
    check(
        &good.replace("feed-1", &"x".repeat(81)),
        "message_source_invalid",
        "source",
    );
    check(
        &good.replace("feed-1", r#"feed\"1"#),
        "message_source_invalid",
        "source",
    );
    check(
        &good.replace("feed-1", "feed 1"),
        "message_source_invalid",
        "source",
    );
    check(
        &message(r#""clock":1,"ticks":[]"#),
        "message_kind_unclear",
        "exactly one",
    );
    check(&format!("{{{HEAD}}}"), "message_kind_unclear", "exactly one");
    check(&message(r#""ticks":null"#), "message_kind_unclear", "exactly one");
    for kind in ["ticks", "plan", "reference"] {
        check(&message(&format!(r#""{kind}":[]"#)), "message_empty", "no event");
        check(&message(&format!(r#""{kind}":{{}}"#)), "message_malformed", "");
    }
    check(&message(r#""clock":"now""#), "message_malformed", "invalid type");
    let last = sequence_max - 1;
    assert!(parse_inbound(&good.replace(r#""seq":7"#, &format!(r#""seq":{last}"#))).is_ok());
    check(
        &good.replace(r#""seq":7"#, &format!(r#""seq":{sequence_max}"#)),
        "message_sequence_invalid",
        "seq",
    );
    check(
        &good.replace(r#""seq":7"#, &format!(r#""seq":{}"#, u64::MAX)),
        "message_sequence_invalid",
        "seq",
    );
}

#[test]
fn size_and_number_are_bounded() {
    let padded = |bytes: usize| {
        let body = message(r#""clock":5"#);
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert!(parse_inbound(&padded(message_bytes_max)).is_ok());
    let bytes = message_bytes_max + 1;
    assert_eq!(
        parse_inbound(&padded(bytes)),
        Err(InboundError::TooLong { bytes })
    );

    let list = |events: usize| message(&format!(r#""ticks":[{}]"#, vec!["0"; events].join(",")));
    assert!(parse_inbound(&list(events_per_message_max)).is_ok());
    let events = events_per_message_max + 1;
    assert_eq!(
        parse_inbound(&list(events)),
        Err(InboundError::TooMany { events })
    );
}

#[test]
fn one_bad_event_does_not_spoil_the_others() {
    let check = |kind: &str, good: &str, bad: &str, words: &str| {
        let read = parse_inbound(&message(&format!(r#""{kind}":[{good},{bad},{good}]"#))).unwrap();
        let [first, second, third] = &read.events[..] else {
            panic!("{:?}", read.events)
        };
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(first, third);
        let refused = second.as_ref().unwrap_err();
        assert!(
            refused.why.contains(words),
            "{bad}: {:?} lacks {words:?}",
            refused.why
        );
        assert!(
            bad.starts_with(&refused.raw) && refused.raw.len() <= 200,
            "{refused:?}"
        );
    };
    let ticks = |bad: &str, words| check("ticks", TICK, bad, words);
    ticks("0", "invalid type");
    ticks("{}", "missing field `i`");
    ticks(r#"{"i":"NSE@NIFTY@IDX","p":1}"#, "missing field `t`");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1}"#, "missing field `p`");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1,"p":null}"#, "invalid type");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1,"p":"1"}"#, "invalid type");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1,"p":1e999}"#, "out of range");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1.5,"p":1}"#, "invalid type");
    ticks(
        r#"{"i":"NSE@NIFTY@IDX","t":99999999999999999999,"p":1}"#,
        "invalid",
    );
    ticks(r#"{"i":"nifty","t":1,"p":1}"#, "EXCHANGE@SYMBOL@PRODUCT");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1,"p":1,"x":1}"#, "unknown field `x`");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1,"p":1,"p":2}"#, "duplicate field");
    ticks(r#"{"i":"NSE@NIFTY@IDX","t":1,"p":1,"bs":5}"#, "sizes of b and a");
    ticks(
        r#"{"i":"NSE@NIFTY@IDX","t":1,"p":1,"a":1,"bs":5}"#,
        "sizes of b and a",
    );
    ticks(
        r#"{"i":"NSE@NIFTY@IDX","t":1,"p":1,"q":"good"}"#,
        "unknown variant",
    );
    ticks(&format!(r#"{{"i":"{}","t":1,"p":1}}"#, "é".repeat(300)), "");

    let plan = |bad: &str, words| check("plan", r#"{"add":"public:NSE@NIFTY@IDX:tick:price"}"#, bad, words);
    plan("{}", "expected");
    plan(
        r#"{"change":"public:NSE@NIFTY@IDX:tick:price"}"#,
        "unknown variant",
    );
    plan(
        r#"{"add":"public:NSE@NIFTY@IDX"}"#,
        "class:instrument:timeframe:expression",
    );
    plan(r#"{"add":"a","remove":"b"}"#, "");

    let reference = |bad: &str, words| check("reference", r#"{"instrument":"NSE@NIFTY@IDX"}"#, bad, words);
    reference("{}", "a change is");
    reference(
        r#"{"instrument":"NSE@NIFTY@IDX","split":"NSE@NIFTY@IDX","ratio":2,"at":1}"#,
        "a change is",
    );
    reference(r#"{"split":"NSE@NIFTY@IDX","ratio":2}"#, "a change is");
    reference(r#"{"instrument":"NSE@NIFTY@IDX","ratio":2}"#, "a change is");
    reference(
        r#"{"instrument":"NSE@NIFTY@IDX","calendar":"moon"}"#,
        "unknown variant `moon`",
    );
    reference(r#"{"instrument":"MOON@NIFTY@IDX"}"#, "MOON");
    reference(
        r#"{"split":"NSE@NIFTY@IDX","ratio":1e999,"at":1}"#,
        "out of range",
    );
}

/// JSON has no NaN and no infinity: a text with one is no JSON at all.
#[test]
fn a_number_that_json_has_not_spoils_the_message() {
    for literal in ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "0x10"] {
        let body = message(&format!(r#""ticks":[{}]"#, TICK.replace("24000.05", literal)));
        assert!(
            matches!(parse_inbound(&body), Err(InboundError::Malformed(_))),
            "{literal}"
        );
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    for nest in [
        deep("[", "]"),
        format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000)),
    ] {
        assert!(parse_inbound(&nest).is_err());
        assert!(parse_inbound(&message(&format!(r#""clock":{nest}"#))).is_err());
        assert!(parse_inbound(&message(&format!(r#""x":{nest}"#))).is_err());
        for kind in ["ticks", "plan", "reference"] {
            let read = parse_inbound(&message(&format!(r#""{kind}":[{nest}]"#))).unwrap();
            assert!(read.events[0].is_err());
        }
        let depth = TICK.replace('}', &format!(r#","d":{{"bids":{nest},"asks":[]}}}}"#));
        assert!(
            parse_inbound(&message(&format!(r#""ticks":[{depth}]"#)))
                .unwrap()
                .events[0]
                .is_err()
        );
    }
}

fn sender(group: &GroupKey) -> Sender<'_> {
    Sender {
        group,
        source: "feed-1",
        epoch: 3,
        seq: 7,
        sent: UnixNanos(1_790_000_000_000_000_000),
    }
}

#[test]
fn clock_plan_and_reference_read_back() {
    let group: GroupKey = "sim-1/NIFTY".parse().unwrap();
    let sender = sender(&group);
    let check = |text: String, expected: Vec<Event>| {
        let read = parse_inbound(&text).unwrap();
        assert_eq!(
            (&read.group, &*read.source, read.epoch, read.seq),
            (&group, "feed-1", 3, 7)
        );
        assert_eq!(
            read.events,
            expected.into_iter().map(Ok).collect::<Vec<_>>(),
            "{text}"
        );
    };
    check(
        clock_message(&sender, UnixNanos(-5)),
        vec![Event::Clock(UnixNanos(-5))],
    );
    let nifty = InstrumentKey::parse("NSE@NIFTY@IDX").unwrap();
    let stream = StreamKey::price(nifty.clone());
    check(
        plan_message(
            &sender,
            std::slice::from_ref(&stream),
            std::slice::from_ref(&stream),
        ),
        vec![
            Event::Plan(PlanChange::Add {
                stream: stream.clone(),
                warm_up: Default::default(),
            }),
            Event::Plan(PlanChange::Remove { stream }),
        ],
    );
    let changes = [
        ReferenceChange::Instrument {
            instrument: nifty.clone(),
            calendar: tickwire_market::Calendar::Nse,
            tick_size: Some(0.05),
        },
        ReferenceChange::Split {
            instrument: nifty,
            ratio: 2.5,
            at: UnixNanos(9),
            warm_up: Vec::new(),
        },
    ];
    check(
        reference_message(&sender, &changes),
        changes.iter().cloned().map(Event::Reference).collect(),
    );
}

proptest! {
    #[test]
    fn ticks_read_back_to_the_bit(ticks in prop::collection::vec(tick(), 1..20)) {
        let group: GroupKey = "live/NIFTY".parse().unwrap();
        let read = parse_inbound(&ticks_message(&sender(&group), &ticks)).unwrap();
        let found: Vec<Tick> = read
            .events
            .into_iter()
            .map(|event| match event {
                Ok(Event::Tick(tick)) => tick,
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(exact(&found), exact(&ticks));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", cut in 0usize..200, junk in "[\\[\\]{}\",:0-9a-z]{0,8}") {
        let _ = parse_inbound(&text);
        let mut damaged = message(&format!(r#""ticks":[{TICK}]"#));
        let at = cut.min(damaged.len());
        damaged.insert_str(at, &junk);
        let _ = parse_inbound(&damaged);
    }
}

//! PROTOCOL.md says what the code does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tickwire_entitlements::Tier;
use tickwire_signals::Absence;
use tickwire_streams::frame_bytes_max;
use tickwire_wire::{
    DataFrame, Downgraded, ErrorBody, ErrorCode, Goodbye, Pong, SubscribeReply, TicketBody, Welcome,
    downgraded_push, parse_request, socket_message_bytes_max, unacknowledged_segments_max,
};

const DOCUMENT: &str = include_str!("../PROTOCOL.md");

/// The lines of the table whose head begins so, without head and rule.
fn table(head: &str) -> Vec<&'static str> {
    let rows: Vec<_> = DOCUMENT
        .lines()
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .collect();
    assert!(!rows.is_empty(), "there is no table {head:?}");
    rows
}

#[test]
fn errors() {
    let expected: Vec<String> = ErrorCode::ALL
        .iter()
        .map(|error| {
            let temporary = if error.is_temporary() { "yes" } else { "no" };
            let (code, slug, status) = (error.code(), error.slug(), error.status());
            format!(
                "| {code} | `{slug}` | {status} | {temporary} | {} |",
                error.message()
            )
        })
        .collect();
    assert_eq!(
        table("| code | slug |"),
        expected,
        "write:\n{}",
        expected.join("\n")
    );
}

#[test]
fn limits() {
    let expected = [
        format!("| a message to the server, `message_bytes_max` | {socket_message_bytes_max} bytes |"),
        format!("| a data frame | {frame_bytes_max} bytes |"),
        format!(
            "| the credit of a connection, `unacknowledged_segments_max` | {unacknowledged_segments_max} segments |"
        ),
    ];
    assert_eq!(
        table("| limit | value |"),
        expected,
        "write:\n{}",
        expected.join("\n")
    );
    let expected: Vec<String> = Tier::ALL
        .iter()
        .map(|tier| {
            let limits = tier.limits();
            format!(
                "| `{tier}` | {} | {} | {} |",
                limits.subscriptions_per_connection_max,
                limits.stream_messages_per_minute_max,
                limits.subscription_changes_per_10_s_max,
            )
        })
        .collect();
    assert_eq!(table("| tier |"), expected, "write:\n{}", expected.join("\n"));
}

#[test]
fn absences() {
    let all = Absence::ALL;
    let rows = table("| reason |");
    assert_eq!(rows.len(), all.len());
    for (row, absence) in rows.iter().zip(all) {
        assert!(row.starts_with(&format!("| `{}` |", absence.as_str())), "{row}");
    }
}

/// Every example with what it is one of.
fn examples() -> Vec<(&'static str, &'static str)> {
    let parts: Vec<&str> = DOCUMENT.split("```").collect();
    assert!(parts.len() % 2 == 1, "a fence is not closed");
    parts
        .iter()
        .skip(1)
        .step_by(2)
        .map(|fence| {
            let (label, text) = fence.split_once('\n').unwrap();
            (
                label
                    .strip_prefix("json ")
                    .unwrap_or_else(|| panic!("{label:?} is not json WHAT")),
                text.trim_end(),
            )
        })
        .collect()
}

/// Reads `text` as `T` strictly: what `T` does not know is an error, by way of
/// writing it again.
fn reads<T: DeserializeOwned + serde::Serialize>(text: &str) {
    let given: Value = serde_json::from_str(text).unwrap();
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), given, "{text}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    id: Option<u64>,
    ok: Option<Value>,
    err: Option<Value>,
}

fn reply(text: &str) -> Reply {
    let reply: Reply = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(
        reply.ok.is_some() != reply.err.is_some(),
        "exactly one of ok and err: {text}"
    );
    reply
}

fn ok_reads<T: DeserializeOwned + serde::Serialize>(text: &str) {
    let reply = reply(text);
    assert!(reply.id.is_some(), "{text}");
    reads::<T>(&reply.ok.unwrap().to_string());
}

fn frames_read(text: &str) {
    let items: Vec<DataFrame> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let given: Vec<serde_json::Map<String, Value>> = serde_json::from_str(text).unwrap();
    let documented: Vec<&str> = table("| field |")
        .iter()
        .map(|row| row.split('`').nth(1).unwrap())
        .collect();
    for (item, given) in items.iter().zip(given) {
        for field in given.keys() {
            assert!(
                documented.contains(&field.as_str()),
                "field {field:?} is not in the table"
            );
        }
        match item.k.as_str() {
            "signal" => assert!(
                item.o.is_some() && given.contains_key("prev") && item.d.is_some(),
                "{item:?}"
            ),
            "snapshot" => assert!(
                given.contains_key("o") && item.prev.is_none() && item.d.is_some(),
                "{item:?}"
            ),
            "revoked" => assert!(item.err.is_some(), "{item:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_example_is_one() {
    let mut seen = std::collections::BTreeSet::new();
    for (label, text) in examples() {
        seen.insert(label);
        match label {
            "request" => drop(parse_request(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))),
            "ticket" => reads::<TicketBody>(text),
            "welcome" => ok_reads::<Welcome>(text),
            "subscribed" => ok_reads::<SubscribeReply>(text),
            "pong" => ok_reads::<Pong>(text),
            "error" => {
                let err = reply(text).err.unwrap();
                reads::<ErrorBody>(&err.to_string());
                let error: ErrorBody = serde_json::from_value(err).unwrap();
                let known = ErrorCode::ALL
                    .iter()
                    .find(|known| known.code() == error.code)
                    .unwrap();
                assert_eq!(
                    (known.slug(), known.is_temporary()),
                    (error.slug.as_str(), error.temporary)
                );
            }
            "goodbye" => {
                let push: Value = serde_json::from_str(text).unwrap();
                reads::<Goodbye>(&push["goodbye"].to_string());
                let goodbye: Goodbye = serde_json::from_value(push["goodbye"].clone()).unwrap();
                assert_eq!(tickwire_wire::goodbye_push(&goodbye), text);
            }
            "downgraded" => {
                let push: Value = serde_json::from_str(text).unwrap();
                let downgraded: Downgraded = serde_json::from_value(push["downgraded"].clone()).unwrap();
                assert_eq!(downgraded_push(&downgraded), text);
            }
            "frames" => frames_read(text),
            other => panic!("an example of {other:?} is not tried"),
        }
    }
    let all = [
        "downgraded",
        "error",
        "frames",
        "goodbye",
        "pong",
        "request",
        "subscribed",
        "ticket",
        "welcome",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

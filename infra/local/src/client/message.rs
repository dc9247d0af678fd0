//! What the server sends, read without copying.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tickwire_market::UnixNanos;
use tickwire_streams::{Offset, Span};
use tickwire_wire::{Downgraded, ErrorBody, Goodbye};

/// What an item of a data frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A link of the chain.
    Signal,
    /// The chain starts anew here.
    Snapshot,
    /// The stream may not be read any longer.
    Revoked,
    /// Something newer than this client: to be ignored.
    #[serde(other)]
    Other,
}

/// A text, borrowed unless it has escapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// One item of a data frame; the fields are those of the protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item<'a> {
    /// Handle of the stream.
    pub s: u32,
    /// What it is.
    pub k: ItemKind,
    /// Offset of the newest signal it stands for.
    #[serde(default)]
    pub o: Option<Offset>,
    /// Offset of the signal before the oldest one it stands for.
    #[serde(default)]
    pub prev: Option<Offset>,
    /// How many signals it stands for, where not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Exchange time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<UnixNanos>,
    /// When the sender received what caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r: Option<UnixNanos>,
    /// When the log took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub i: Option<UnixNanos>,
    /// Name of the source.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub src: Option<Text<'a>>,
    /// Made up by a simulation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
    /// The value, JSON.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub d: Option<&'a RawValue>,
    /// Why the stream was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err: Option<Box<ErrorBody>>,
}

impl Item<'_> {
    /// The link it is, where it has an offset.
    pub fn span(&self) -> Option<Span> {
        Some(Span {
            offset: self.o?,
            previous: self.prev,
            count: self.signals(),
        })
    }

    /// Signals it stands for.
    pub fn signals(&self) -> u32 {
        self.n.unwrap_or(1)
    }
}

/// A reply or a push, the part for `ok` not read yet.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(default, borrow)]
    pub(super) ok: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) err: Option<ErrorBody>,
    #[serde(default)]
    pub(super) goodbye: Option<Goodbye>,
    #[serde(default)]
    pub(super) downgraded: Option<Downgraded>,
}

/// A message of the server.
pub(super) enum Message<'a> {
    Data(Vec<Item<'a>>),
    Other(Envelope<'a>),
}

/// Reads a message.
pub(super) fn parse(text: &str) -> serde_json::Result<Message<'_>> {
    if text.trim_ascii_start().starts_with('[') {
        serde_json::from_str(text).map(Message::Data)
    } else {
        serde_json::from_str(text).map(Message::Other)
    }
}

/// A signal's value, as data frames write it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// A number. Whole ones keep their digits: times exceed what a double holds.
    Number(serde_json::Number),
    /// The answer of a condition.
    Truth(bool),
    /// Why there is none.
    Absent {
        /// The reason.
        absent: String,
    },
}

/// The outputs of a value, in the order they are written; none if it has another form.
pub fn outputs(d: &RawValue) -> Option<Vec<(String, Output)>> {
    let text = d.get();
    if let Ok(Output::Absent { absent }) = serde_json::from_str(text) {
        return Some(vec![("value".to_owned(), Output::Absent { absent })]);
    }
    struct InOrder(Vec<(String, Output)>);
    impl<'de> Deserialize<'de> for InOrder {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Fields;
            impl<'de> serde::de::Visitor<'de> for Fields {
                type Value = InOrder;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a value's outputs")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                    let mut fields = Vec::new();
                    while let Some(field) = map.next_entry()? {
                        fields.push(field);
                    }
                    Ok(InOrder(fields))
                }
            }
            deserializer.deserialize_map(Fields)
        }
    }
    serde_json::from_str::<InOrder>(text).ok().map(|fields| fields.0)
}

/// Positions by handle, as requests write them.
pub(super) type Handles = BTreeMap<u32, Offset>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames_and_replies() {
        let text = r#"[{"s":3,"k":"signal","o":9121,"prev":9120,"t":1,"r":2,"i":3,"src":"feed-1","d":{"price":24000.05}},{"s":5,"k":"snapshot","o":null,"d":{"absent":"cold"}},{"s":6,"k":"later","new":1}]"#;
        let Ok(Message::Data(items)) = parse(text) else {
            panic!("not data")
        };
        assert!(
            matches!(items[0].src, Some(Text(Cow::Borrowed("feed-1")))),
            "nothing is copied"
        );
        let span = Span {
            offset: Offset(9121),
            previous: Some(Offset(9120)),
            count: 1,
        };
        assert_eq!(items[0].span(), Some(span));
        assert_eq!((items[1].k, items[1].o), (ItemKind::Snapshot, None));
        assert_eq!(items[2].k, ItemKind::Other);
        let held = serde_json::to_string(&items[0]).unwrap();
        let again: Item<'_> = serde_json::from_str(&held).unwrap();
        assert_eq!(
            (again.span(), again.d.map(RawValue::get)),
            (Some(span), Some(r#"{"price":24000.05}"#))
        );
        assert!(matches!(
            parse(r#"{"id":1,"ok":{}}"#),
            Ok(Message::Other(Envelope {
                id: Some(1),
                ok: Some(_),
                ..
            }))
        ));
    }

    #[test]
    fn values_keep_their_order_and_their_digits() {
        let check = |text: &str, expected: &[&str]| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            let found = outputs(&raw).unwrap_or_default();
            let found: Vec<_> = found
                .iter()
                .map(|(name, output)| format!("{name} {output:?}"))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check(r#"{"value":61.25}"#, &["value Number(Number(61.25))"]);
        check(r#"{"absent":"cold"}"#, &[r#"value Absent { absent: "cold" }"#]);
        check(
            r#"{"macd":1790000000000000001,"signal":{"absent":"cold"},"above":true}"#,
            &[
                "macd Number(Number(1790000000000000001))",
                r#"signal Absent { absent: "cold" }"#,
                "above Truth(true)",
            ],
        );
        check("7", &[]);
    }
}

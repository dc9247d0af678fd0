//! A client as PROTOCOL.md describes it, without its clock.

use std::collections::BTreeMap;

use tickwire_streams::{Chain, Link, Offset, Span};
use tickwire_wire::{DataFrame, StreamVerdict, SubscribeReply};

/// One stream of the client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) key: String,
    pub(crate) chain: Chain,
    pub(crate) epoch: Option<String>,
    /// Offsets of the items that were taken since the last snapshot, that of the snapshot first.
    pub(crate) taken: Vec<Offset>,
    /// How many signals each of them after the snapshot stands for.
    pub(crate) stand_for: Vec<u32>,
    pub(crate) snapshots: u32,
    /// Whether the last snapshot had a value.
    pub(crate) began_with_value: bool,
    held: Vec<DataFrame>,
    /// A subscribe is not answered yet, or was answered with a snapshot.
    awaits_snapshot: bool,
    /// Where the stream stood when that was sent.
    stood_at: Option<Offset>,
}

/// A client with its streams by handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) id: u64,
}

impl Client {
    /// The next subscribe of some streams: from where the client stands.
    pub(crate) fn subscribe(&mut self, wanted: &[(u32, &str)], mode: &str) -> String {
        self.id += 1;
        let streams: Vec<String> = wanted
            .iter()
            .map(|(s, key)| {
                let stream = self.streams.entry(*s).or_default();
                stream.key = (*key).to_owned();
                stream.awaits_snapshot = true;
                stream.stood_at = stream.chain.last();
                let since = match (&stream.epoch, stream.chain.last()) {
                    (Some(epoch), Some(last)) => format!(r#","since":{{"epoch":"{epoch}","offset":{last}}}"#),
                    _ => String::new(),
                };
                format!(r#"{{"key":"{key}","s":{s},"mode":"{mode}"{since}}}"#)
            })
            .collect();
        format!(
            r#"{{"id":{},"op":"subscribe","streams":[{}]}}"#,
            self.id,
            streams.join(",")
        )
    }

    /// Reads a reply to subscribe.
    pub(crate) fn reply(&mut self, text: &str) -> Vec<StreamVerdict> {
        #[derive(serde::Deserialize)]
        struct Reply {
            ok: SubscribeReply,
        }
        let Reply { ok } = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        for verdict in &ok.streams {
            assert_eq!(verdict.err, None, "{}", verdict.key);
            let stream = self.streams.get_mut(&verdict.s).unwrap();
            stream.epoch.clone_from(&verdict.epoch);
            if verdict.recovered == Some(true) {
                stream.awaits_snapshot = false;
            }
        }
        ok.streams
    }

    /// Reads data frames.
    pub(crate) fn frames(&mut self, frames: &[String]) {
        for frame in frames {
            let items: Vec<DataFrame> =
                serde_json::from_str(frame).unwrap_or_else(|e| panic!("{e}: {frame}"));
            for item in items {
                let Some(stream) = self.streams.get_mut(&item.s) else {
                    continue;
                };
                stream.item(item);
            }
        }
    }
}

impl Stream {
    fn item(&mut self, item: DataFrame) {
        match item.k.as_str() {
            "snapshot" if self.takes(item.o) => {
                self.awaits_snapshot = false;
                self.chain.reset(item.o);
                self.taken = item.o.into_iter().collect();
                self.began_with_value = item.o.is_some();
                self.stand_for.clear();
                self.snapshots += 1;
            }
            "snapshot" => {}
            "signal" => self.held.push(item),
            other => panic!("a frame of kind {other}"),
        }
        self.look_at_held();
    }

    fn takes(&self, snapshot: Option<Offset>) -> bool {
        let last = self.chain.last();
        let is_overtaken = last != self.stood_at && snapshot < last;
        snapshot > last || (self.awaits_snapshot && !is_overtaken)
    }

    fn look_at_held(&mut self) {
        self.held.sort_by_key(|item| item.o);
        loop {
            let mut taken = false;
            let held = std::mem::take(&mut self.held);
            for item in held {
                let offset = item.o.expect("a signal has an offset");
                let span = Span {
                    offset,
                    previous: item.prev,
                    count: item.n.unwrap_or(1),
                };
                match self.chain.take(span) {
                    Link::Next => {
                        taken = true;
                        self.taken.push(offset);
                        self.stand_for.push(span.count);
                    }
                    Link::Known => {}
                    Link::Hole => self.held.push(item),
                }
            }
            if !taken {
                return;
            }
        }
    }

    /// How many signals they stand for, without the snapshot.
    pub(crate) fn signals(&self) -> u32 {
        self.stand_for.iter().sum()
    }

    /// Something between is missing.
    pub(crate) fn has_hole(&self) -> bool {
        !self.held.is_empty()
    }
}

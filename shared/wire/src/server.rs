//! What the server sends over the socket: replies, pushes, data frames.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;
use tickwire_signals::{SignalValue, Value};
use tickwire_streams::{Offset, Span};

use crate::client::Mode;
use crate::error::ErrorBody;

/// Limits a client should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WelcomeLimits {
    /// Subscriptions on this connection.
    pub subscriptions_max: u32,
    /// Bytes of a message to the server.
    pub message_bytes_max: usize,
    /// Frames per minute; over it streams are conflated.
    pub frames_per_minute_max: u32,
}

/// Reply to hello.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Welcome {
    /// Name of the protocol.
    pub protocol: String,
    /// Id of this connection.
    pub session: String,
    /// The user's tier.
    pub tier: String,
    /// The world that is read.
    pub universe: String,
    /// Limits.
    pub limits: WelcomeLimits,
    /// Seconds between pings.
    pub heartbeat_s: u32,
    /// The server's clock, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub server_time: UnixNanos,
    /// When the connection ends at the latest, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub expires_at: UnixNanos,
}

/// What became of one stream of a subscribe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StreamVerdict {
    /// The stream.
    pub key: String,
    /// Its handle.
    pub s: u32,
    /// How it is delivered.
    pub mode: Mode,
    /// Why it is not: then nothing else is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err: Option<ErrorBody>,
    /// Epoch of the group's log; absent when the group has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Offset of its newest signal; absent when it has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub top: Option<Offset>,
    /// Asked with `since`: all that was missed follows (true), or a snapshot (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
    /// More was missed than one pull gives: subscribe again from the last offset.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// Reply to subscribe, unsubscribe and list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscribeReply {
    /// A verdict for each stream asked for, in order; none in the replies to
    /// unsubscribe and list.
    #[serde(default)]
    pub streams: Vec<StreamVerdict>,
    /// The full list afterwards: key by handle.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, String>))]
    pub list: BTreeMap<u32, String>,
}

/// Reply to ping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pong {
    /// Newest offset by handle, of the streams that have one, as of a few seconds ago at the most:
    /// what came since may lie beyond.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, u64>))]
    pub tops: BTreeMap<u32, Offset>,
    /// The server's clock, nanoseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub server_time: UnixNanos,
}

/// The server ends the connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Goodbye {
    /// Why: `lifetime`, `shutdown`, `slow`, `revoked`.
    pub code: String,
    /// Wait this long before connecting again.
    pub reconnect_after_ms: u64,
}

/// The client did not keep up in some streams: the server goes on with them in another mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Downgraded {
    /// Handles of the streams.
    pub s: Vec<u32>,
    /// How they are delivered from now on.
    pub mode: Mode,
}

/// `{"id":…,"ok":…}`.
pub fn ok_reply<T: Serialize>(id: u64, ok: &T) -> String {
    #[derive(Serialize)]
    struct Reply<'a, T> {
        id: u64,
        ok: &'a T,
    }
    serde_json::to_string(&Reply { id, ok }).unwrap_or_default()
}

/// `{"id":…,"err":…}`; without an id, where the request had none.
pub fn error_reply(id: Option<u64>, err: &ErrorBody) -> String {
    #[derive(Serialize)]
    struct Reply<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        err: &'a ErrorBody,
    }
    serde_json::to_string(&Reply { id, err }).unwrap_or_default()
}

/// `{"goodbye":…}`.
pub fn goodbye_push(goodbye: &Goodbye) -> String {
    #[derive(Serialize)]
    struct Push<'a> {
        goodbye: &'a Goodbye,
    }
    serde_json::to_string(&Push { goodbye }).unwrap_or_default()
}

/// `{"downgraded":…}`.
pub fn downgraded_push(downgraded: &Downgraded) -> String {
    #[derive(Serialize)]
    struct Push<'a> {
        downgraded: &'a Downgraded,
    }
    serde_json::to_string(&Push { downgraded }).unwrap_or_default()
}

/// What a data frame's `k` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// One of the chain.
    No,
    /// Where the chain starts anew.
    Yes,
}

/// Writes the part of a data frame that is the same for all subscribers:
/// everything behind the handle. `{"s":3` goes before it.
#[expect(clippy::too_many_arguments, reason = "these are the fields of a frame")]
pub fn write_signal_frame(
    out: &mut String,
    kind: Snapshot,
    span: Span,
    exchange_time: UnixNanos,
    receive_time: UnixNanos,
    committed_at: UnixNanos,
    source: &str,
    mock: bool,
    value: &str,
) {
    let kind = match kind {
        Snapshot::No => "signal",
        Snapshot::Yes => "snapshot",
    };
    // Writing to a string cannot fail.
    let _ = write!(out, r#","k":"{kind}","o":{}"#, span.offset);
    if kind == "signal" {
        match span.previous {
            Some(previous) => {
                let _ = write!(out, r#","prev":{previous}"#);
            }
            None => out.push_str(r#","prev":null"#),
        }
        if span.count > 1 {
            let _ = write!(out, r#","n":{}"#, span.count);
        }
    }
    let _ = write!(out, r#","t":{},"r":{}"#, exchange_time.0, receive_time.0);
    if committed_at != UnixNanos(0) {
        let _ = write!(out, r#","i":{}"#, committed_at.0);
    }
    if !source.is_empty() {
        // A source's name has no character that JSON escapes: the queue's message is checked for it.
        let _ = write!(out, r#","src":"{source}""#);
    }
    if mock {
        out.push_str(r#","mock":true"#);
    }
    let _ = write!(out, r#","d":{value}}}"#);
}

/// Adds the watermark to an item that was written: whose it is, told by key and signature.
pub fn write_watermark(item: &mut String, key_id: &str, signature: &str) {
    // It ends with the brace that closes it.
    item.pop();
    // Writing to a string cannot fail.
    let _ = write!(item, r#","wm":{{"kid":"{key_id}","sig":"{signature}"}}}}"#);
}

/// A snapshot of a stream that has no value yet.
pub fn write_absent_snapshot(out: &mut String) {
    out.push_str(r#","k":"snapshot","o":null,"d":{"absent":"cold"}}"#);
}

/// The stream may not be read any longer; no frame of it follows.
pub fn write_revoked(out: &mut String, why: &ErrorBody) {
    out.push_str(r#","k":"revoked","err":"#);
    out.push_str(&serde_json::to_string(why).unwrap_or_else(|_| "null".into()));
    out.push('}');
}

/// Who received an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watermark {
    /// Id of the key.
    pub kid: String,
    /// Half of the HMAC-SHA256 over subscriber, product, stream, offset and the text of `d`, in hexadecimal.
    pub sig: String,
}

/// A data frame, as a client reads it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DataFrame {
    /// The client's handle of the stream.
    pub s: u32,
    /// `signal`, `snapshot` or `revoked`; others may be added.
    pub k: String,
    /// Offset of the newest signal it stands for.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub o: Option<Offset>,
    /// Offset of the signal before the oldest one it stands for.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub prev: Option<Offset>,
    /// How many signals it stands for, where not one.
    #[serde(default)]
    pub n: Option<u32>,
    /// Exchange time, nanoseconds since 1970-01-01T00:00:00Z.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub t: Option<UnixNanos>,
    /// When the sender received what caused it, nanoseconds likewise.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub r: Option<UnixNanos>,
    /// Time of ingestion, when the segment was committed, nanoseconds likewise.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub i: Option<UnixNanos>,
    /// Name of the source.
    #[serde(default)]
    pub src: Option<String>,
    /// Made up by a simulation.
    #[serde(default)]
    pub mock: bool,
    /// The value.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub d: Option<serde_json::Value>,
    /// The watermark, of a stream that is paid for.
    #[serde(default)]
    pub wm: Option<Watermark>,
    /// Why the stream was revoked.
    #[serde(default)]
    pub err: Option<ErrorBody>,
}

fn write_number(out: &mut String, number: f64) {
    // The shortest text that reads back to the same bits, as JSON takes it; values are finite.
    let _ = if number.is_finite() {
        write!(out, "{number:?}")
    } else {
        write!(out, "null")
    };
}

fn write_optional(out: &mut String, name: &str, number: Option<f64>) {
    if let Some(number) = number {
        let _ = write!(out, r#","{name}":"#);
        write_number(out, number);
    }
}

/// Writes a signal's value as JSON. `outputs` names an expression's outputs.
///
/// A price is `{"price":…,"size":…,…}`, a bar `{"open":…,…}`, a corrected one with `"corrected":true`, an expression with
/// one output `{"value":…}` and with several `{"macd":…,"signal":…,…}`. An
/// absence stands as `{"absent":"cold"}` in the place of the value.
pub fn write_value(out: &mut String, value: &SignalValue, outputs: &[&str]) {
    match value {
        SignalValue::Price(price) => {
            out.push_str(r#"{"price":"#);
            write_number(out, price.price);
            write_optional(out, "size", price.size);
            write_optional(out, "volume", price.volume);
            write_optional(out, "open_interest", price.open_interest);
            write_optional(out, "bid", price.bid);
            write_optional(out, "ask", price.ask);
            out.push('}');
        }
        SignalValue::Bar(bar) | SignalValue::CorrectedBar(bar) => {
            let _ = write!(out, r#"{{"start":{},"end":{},"open":"#, bar.start.0, bar.end.0);
            write_number(out, bar.open);
            for (name, number) in [("high", bar.high), ("low", bar.low), ("close", bar.close)] {
                write_optional(out, name, Some(number));
            }
            write_optional(out, "volume", bar.volume);
            write_optional(out, "open_interest", bar.open_interest);
            let _ = write!(out, r#","ticks":{}"#, bar.ticks);
            if matches!(value, SignalValue::CorrectedBar(_)) {
                out.push_str(r#","corrected":true"#);
            }
            out.push('}');
        }
        SignalValue::Values(values) => {
            out.push('{');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let name = outputs.get(index).copied().unwrap_or("value");
                let _ = write!(out, r#""{name}":"#);
                match value {
                    Value::Number(number) => write_number(out, *number),
                    Value::Truth(truth) => {
                        let _ = write!(out, "{truth}");
                    }
                    Value::Absent(absence) => {
                        let _ = write!(out, r#"{{"absent":"{}"}}"#, absence.as_str());
                    }
                }
            }
            out.push('}');
        }
    }
}

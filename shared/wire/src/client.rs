//! What a client sends over the socket: `tickwire.v1`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use tickwire_streams::Offset;

use crate::error::{ErrorBody, ErrorCode};

/// Largest message taken from a client, in bytes.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const socket_message_bytes_max: usize = 32 * 1_024;

/// The credit of a connection: so many segments of its group the last signal that
/// it acknowledged of a stream may be behind the newest.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const unacknowledged_segments_max: u64 = 64;

/// How a stream is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every signal.
    #[default]
    Full,
    /// The latest is enough: one frame may stand for several signals.
    Last,
}

/// Where a client stands in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// Epoch of the group's log.
    pub epoch: String,
    /// Last offset it has.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub offset: Offset,
}

/// A stream a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {
    /// Stream key.
    pub key: String,
    /// The client's handle for it; frames name the stream by it.
    pub s: u32,
    /// How it is delivered.
    #[serde(default)]
    pub mode: Mode,
    /// Where the client stands, if it was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// The first message.
    Hello {
        /// Which world to read, if not the one that is served by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        universe: Option<String>,
    },
    /// Adds streams, or resumes them.
    Subscribe {
        /// Which.
        streams: Vec<StreamRequest>,
    },
    /// Takes streams away.
    Unsubscribe {
        /// Handles of the streams.
        s: Vec<u32>,
    },
    /// Asks for the current list.
    List {},
    /// Liveness, acknowledgement and detection of loss in one.
    Ping {
        /// Last offset by handle.
        #[serde(default, deserialize_with = "by_handle")]
        #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, u64>))]
        at: BTreeMap<u32, Offset>,
    },
}

/// Handles are the names of a JSON object's fields, so they come as text.
fn by_handle<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, Offset>, D::Error> {
    BTreeMap::<String, Offset>::deserialize(deserializer)?
        .into_iter()
        .map(|(s, offset)| match s.parse() {
            Ok(s) => Ok((s, offset)),
            Err(_) => Err(D::Error::custom(format_args!(
                "{s:?} is not a handle, a whole number from 0 to {}",
                u32::MAX
            ))),
        })
        .collect()
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRequest {
    /// Its id: the reply carries the same. Ids rise.
    pub id: u64,
    /// What is asked.
    pub operation: Operation,
}

/// Reads a message.
///
/// # Errors
/// With the id, where there is one, and what is wrong.
#[expect(
    clippy::result_large_err,
    reason = "a refusal is rare and goes straight into a reply"
)]
pub fn parse_request(text: &str) -> Result<ClientRequest, (Option<u64>, ErrorBody)> {
    if text.len() > socket_message_bytes_max {
        let message = format!(
            "The message has {} bytes; at most {socket_message_bytes_max} are taken.",
            text.len()
        );
        return Err((None, ErrorBody::with_message(ErrorCode::MessageTooLarge, message)));
    }
    let malformed = |id, why: String| {
        (
            id,
            ErrorBody::with_message(
                ErrorCode::MessageMalformed,
                format!("The message cannot be read: {why}"),
            ),
        )
    };
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|e| malformed(None, e.to_string()))?;
    let id = fields.remove("id").as_ref().and_then(serde_json::Value::as_u64);
    let Some(id) = id else {
        return Err(malformed(
            None,
            "id is missing, or not a whole number from 0".into(),
        ));
    };
    const OPERATIONS: [&str; 5] = ["hello", "subscribe", "unsubscribe", "list", "ping"];
    match fields.get("op").and_then(serde_json::Value::as_str) {
        Some(op) if OPERATIONS.contains(&op) => {}
        Some(_) => return Err((Some(id), ErrorCode::OperationUnknown.into())),
        None => return Err(malformed(Some(id), "op is missing".into())),
    }
    let operation = serde_json::from_value(serde_json::Value::Object(fields))
        .map_err(|e| malformed(Some(id), e.to_string()))?;
    Ok(ClientRequest { id, operation })
}

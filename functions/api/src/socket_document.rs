//! The AsyncAPI document of the socket: the messages as the code has them, with the
//! examples and the rules of the protocol's page.

use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use tickwire_service::manage_subscription::PROTOCOL;
use tickwire_signals::Absence;
use tickwire_wire::{
    DataFrame, Downgraded, ErrorBody, Goodbye, Operation, PROTOCOL_PAGE, Pong, SubscribeReply, TicketBody,
    Welcome,
};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use crate::answer::{Form, tagged};
use crate::refusal::Refusal;

/// Requests by their `op`: what each is for, and the message that answers it.
const REQUESTS: [(&str, &str, &str); 5] = [
    ("hello", "The first message.", "welcome"),
    ("subscribe", "Adds streams, or resumes them.", "subscribed"),
    ("unsubscribe", "Takes streams away.", "subscribed"),
    ("list", "Asks for the current list.", "subscribed"),
    (
        "ping",
        "Liveness, acknowledgement and detection of loss in one.",
        "pong",
    ),
];
/// What comes without being asked for.
const PUSHES: [&str; 4] = ["frames", "downgraded", "goodbye", "error"];

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// The AsyncAPI document.
pub fn document() -> Value {
    let mut channel_messages = Map::new();
    for name in messages().keys() {
        channel_messages.insert(
            name.clone(),
            json!({"$ref": format!("#/components/messages/{name}")}),
        );
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": format!("Tickwire socket, {PROTOCOL}"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": PROTOCOL_PAGE,
            "externalDocs": {"description": "The HTTP API, which gives tickets.", "url": "openapi.json"},
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": {"socket": {
            "address": "/",
            "title": "One socket",
            "description": "Text frames of UTF-8 JSON, each one message. A ticket opens one socket once.",
            "messages": channel_messages,
            "bindings": {"ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "required": ["ticket"],
                    "properties": {"ticket": {
                        "type": "string",
                        "description": "From POST /v1/tickets, not older than 60 seconds and not used yet.",
                    }},
                },
                "bindingVersion": "0.1.0",
            }},
        }},
        "operations": operations(),
        "components": {"schemas": schemas(), "messages": messages()},
    })
}

fn servers() -> Value {
    json!({
        "local": {
            "host": "{address}",
            "pathname": "/ws",
            "protocol": "ws",
            "description": "`tickwire up` on this machine.",
            "variables": {"address": {"default": "127.0.0.1:8437"}},
        },
        "aws": {
            "host": "{api}.execute-api.{region}.amazonaws.com",
            "pathname": "/{stage}",
            "protocol": "wss",
            "description": "The template's output SocketUrl.",
            "variables": {
                "api": {"description": "Id of the WebSocket API."},
                "region": {"default": "eu-west-1"},
                "stage": {"default": "live"},
            },
        },
    })
}

fn message_of_channel(name: &str) -> Value {
    json!({"$ref": format!("#/channels/socket/messages/{name}")})
}

/// As the server has it: it receives requests, and sends the rest.
fn operations() -> Value {
    let channel = json!({"$ref": "#/channels/socket"});
    let mut operations = Map::new();
    for (op, summary, answer) in REQUESTS {
        let operation = json!({
            "action": "receive",
            "channel": channel,
            "summary": summary,
            "messages": [message_of_channel(op)],
            "reply": {
                "channel": channel,
                "messages": [message_of_channel(answer), message_of_channel("error")],
            },
        });
        operations.insert(op.to_owned(), operation);
    }
    operations.insert(
        "push".to_owned(),
        json!({
            "action": "send",
            "channel": channel,
            "summary": "Data, and what the server says of itself.",
            "messages": PUSHES.map(message_of_channel),
        }),
    );
    operations.into()
}

fn reference<T: ToSchema>() -> Value {
    json!({"$ref": format!("#/components/schemas/{}", T::name())})
}

fn messages() -> Map<String, Value> {
    let mut messages = Map::new();
    for (op, summary, _) in REQUESTS {
        messages.insert(op.to_owned(), message(op, summary, request(op)));
    }
    let id = json!({"type": "integer", "minimum": 0, "description": "That of the request."});
    for (name, summary, ok) in [
        ("welcome", "The reply to hello.", reference::<Welcome>()),
        (
            "subscribed",
            "The reply to subscribe, unsubscribe and list.",
            reference::<SubscribeReply>(),
        ),
        ("pong", "The reply to ping.", reference::<Pong>()),
    ] {
        let payload = json!({"type": "object", "required": ["id", "ok"], "properties": {"id": id, "ok": ok}});
        messages.insert(name.to_owned(), message(name, summary, payload));
    }
    let error = json!({
        "type": "object",
        "required": ["err"],
        "properties": {"id": id, "err": reference::<ErrorBody>()},
    });
    let summary = "A request was refused; without an id, where it had none that could be read.";
    messages.insert("error".to_owned(), message("error", summary, error));
    for (name, summary, body) in [
        (
            "goodbye",
            "The server ends the connection.",
            reference::<Goodbye>(),
        ),
        (
            "downgraded",
            "Streams go on in another mode.",
            reference::<Downgraded>(),
        ),
    ] {
        let payload = json!({"type": "object", "required": [name], "properties": {name: body}});
        messages.insert(name.to_owned(), message(name, summary, payload));
    }
    let frames = json!({"type": "array", "minItems": 1, "items": reference::<DataFrame>()});
    messages.insert(
        "frames".to_owned(),
        message("frames", "Items of streams.", frames),
    );
    messages
}

fn message(name: &str, summary: &str, payload: Value) -> Value {
    let examples: Vec<Value> = examples(name)
        .into_iter()
        .map(|payload| json!({"payload": payload}))
        .collect();
    json!({"name": name, "title": name, "summary": summary, "payload": payload, "examples": examples})
}

/// The page's examples of a message: requests are told apart by their `op`.
fn examples(name: &str) -> Vec<Value> {
    let fences = PROTOCOL_PAGE.split("```").skip(1).step_by(2);
    fences
        .filter_map(|fence| {
            let (label, text) = fence.split_once('\n')?;
            let example: Value = serde_json::from_str(text).ok()?;
            let is_request = label == "json request" && example["op"] == name;
            (is_request || label.strip_prefix("json ") == Some(name)).then_some(example)
        })
        .collect()
}

/// The schema of a request: the operation's, and its id.
fn request(op: &str) -> Value {
    let operations = serde_json::to_value(Operation::schema()).unwrap_or_default();
    let of_op = |schema: &&Value| schema["properties"]["op"]["enum"] == json!([op]);
    let variants = operations["oneOf"].as_array().into_iter().flatten();
    let mut schema = variants.into_iter().find(of_op).cloned().unwrap_or_default();
    schema["properties"]["id"] = json!({
        "type": "integer",
        "minimum": 1,
        "description": "Above the id of every request before.",
    });
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, "id".into());
    }
    schema["additionalProperties"] = false.into();
    schema
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn schemas() -> Map<String, Value> {
    let mut found = Vec::new();
    Operation::schemas(&mut found);
    add::<TicketBody>(&mut found);
    add::<Welcome>(&mut found);
    add::<SubscribeReply>(&mut found);
    add::<Pong>(&mut found);
    add::<ErrorBody>(&mut found);
    add::<Goodbye>(&mut found);
    add::<Downgraded>(&mut found);
    add::<DataFrame>(&mut found);
    let mut schemas: Map<String, Value> = found
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    let item = DataFrame::name().into_owned();
    let fields = schemas.remove(&item).unwrap_or_default();
    schemas.insert(item, items(&fields));
    let absences: Vec<&str> = Absence::ALL.iter().map(|absence| absence.as_str()).collect();
    schemas.insert(
        "Absence".to_owned(),
        json!({
            "type": "object",
            "description": "Why there is no value. Others may be added.",
            "required": ["absent"],
            "properties": {"absent": {"type": "string", "examples": absences}},
            "additionalProperties": false,
        }),
    );
    schemas.insert(
        "Value".to_owned(),
        json!({
            "description": "A signal's value: its outputs by name, or why there is none at all.",
            "oneOf": [
                {"$ref": "#/components/schemas/Absence"},
                {
                    "type": "object",
                    "minProperties": 1,
                    "not": {"required": ["absent"]},
                    "additionalProperties": {"oneOf": [
                        {"type": "number"},
                        {"type": "boolean"},
                        {"$ref": "#/components/schemas/Absence"},
                    ]},
                },
            ],
        }),
    );
    schemas
}

/// Items of a data frame by what they are, of the fields that an item may have.
fn items(fields: &Value) -> Value {
    let kind = |k: &str, names: &[&str], optional: &[&str]| {
        let mut properties = Map::new();
        for name in names.iter().chain(optional) {
            let mut field = fields["properties"][*name].clone();
            // What is not there is left out; null are these two, at a stream's beginning.
            if !matches!((k, *name), ("signal", "prev") | ("snapshot", "o")) {
                not_null(&mut field);
            }
            properties.insert((*name).to_owned(), field);
        }
        properties.insert("k".to_owned(), json!({"const": k}));
        let value = json!({"$ref": "#/components/schemas/Value"});
        if let Some(d) = properties.get_mut("d") {
            *d = value;
        }
        json!({"type": "object", "title": k, "required": names, "properties": properties})
    };
    json!({
        "description": "An item of a data frame. To one with another `k` nothing is done.",
        "oneOf": [
            kind("signal", &["s", "k", "o", "prev", "t", "r", "d"], &["n", "i", "src", "mock", "wm"]),
            kind("snapshot", &["s", "k", "o", "d"], &["t", "r", "i", "src", "mock", "wm"]),
            kind("revoked", &["s", "k", "err"], &[]),
        ],
    })
}

fn not_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let rest: Vec<Value> = types.iter().filter(|name| *name != "null").cloned().collect();
        if let [one] = rest.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let rest = choices.iter().find(|choice| choice["type"] != "null").cloned();
        if let Some(rest) = rest {
            *schema = rest;
        }
    }
}

/// The socket's document
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    operation_id = "socket_document",
    tag = "operation",
    responses(
        (status = 200, description = "AsyncAPI 3.0.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it already."),
    ),
)]
pub(crate) async fn json(headers: HeaderMap) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Json])?;
    Ok(tagged(form, TEXT.clone().into_bytes(), &headers))
}

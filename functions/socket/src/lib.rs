//! Lambda function `socket`: the routes `$connect`, `$disconnect` and `$default` of the WebSocket API.

use std::sync::Arc;

use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use aws_lambda_events::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;
use tickwire_service::authenticate::{Identity, IdentityContext};
use tickwire_service::limit_use::LimitUse;
use tickwire_service::manage_subscription::{ManageSubscription, PROTOCOL, SubscriptionPorts};
use tickwire_service::open_connection::{Fault, OpenConnection};
use tickwire_service::placement::Placement;
use tickwire_service::ports::Secrets;
use tickwire_streams::{StreamKey, Universe};
use tickwire_telemetry::redact::redact_error;
use tickwire_wire::{ErrorCode, HttpError, error_reply};

/// What a socket's client offers and the server chooses.
const SUBPROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");

/// The use cases behind the socket.
pub struct Socket {
    /// How connections begin and end.
    pub connections: OpenConnection,
    /// What clients ask for.
    pub subscriptions: ManageSubscription,
    /// Origins of web pages that may connect, written out.
    pub origins: Arc<[String]>,
}

impl Socket {
    /// Both over the same ports; `universe` is the one that is read unless a client asks for another.
    pub fn new(ports: SubscriptionPorts, placement: Placement, universe: Universe) -> Self {
        Self {
            connections: OpenConnection::new((&ports).into(), placement.clone(), universe),
            subscriptions: ManageSubscription::new(ports, placement),
            origins: Arc::default(),
        }
    }

    /// For pages of these origins; what is no page names none.
    #[must_use]
    pub fn for_origins(self, origins: impl IntoIterator<Item = String>) -> Self {
        Self {
            origins: origins.into_iter().collect(),
            ..self
        }
    }

    /// With the limits of tiers on messages and changes.
    #[must_use]
    pub fn limited_by(self, limits: LimitUse) -> Self {
        Self {
            subscriptions: self.subscriptions.limited_by(limits),
            ..self
        }
    }

    /// With the secrets that watermarks are made with; without, nothing of paid streams is sent.
    #[must_use]
    pub fn marked_by(self, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            subscriptions: self.subscriptions.marked_by(secrets),
            ..self
        }
    }
}

/// Answers an event of any of the three routes.
pub async fn handle(socket: &Socket, event: ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
    let context = &event.request_context;
    let Some(connection) = context.connection_id.as_deref() else {
        tracing::error!("event names no connection");
        return refuse(ErrorCode::Internal.into());
    };
    match context.route_key.as_deref() {
        Some("$connect") => match connect(socket, connection, &event).await {
            Ok(()) => accept(&event.headers),
            Err(fault) => refuse(fault),
        },
        Some("$disconnect") => {
            // Nobody reads the answer; what is left is forgotten when a post finds the connection gone.
            if let Err(error) = socket.connections.close(connection).await {
                tracing::warn!(connection, %error, "failed to forget a connection that ended");
            }
            respond(200, None)
        }
        _ => {
            let reply = match event.body.as_deref() {
                Some(_) if event.is_base64_encoded => socket.subscriptions.refuse_binary(),
                text => {
                    socket
                        .subscriptions
                        .request(connection, text.unwrap_or_default())
                        .await
                }
            };
            respond(200, Some(told(reply)))
        }
    }
}

async fn connect(
    socket: &Socket,
    connection: &str,
    event: &ApiGatewayWebsocketProxyRequest,
) -> Result<(), Fault> {
    let mut origins = event.headers.get_all(header::ORIGIN).iter();
    let known = |origin: &HeaderValue| {
        socket
            .origins
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes())
    };
    if !origins.all(known) {
        return Err(ErrorCode::OriginDenied.into());
    }
    let fields = &event.request_context.authorizer.fields;
    let field = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(user), Some(tier), Some(expires_at_ms), Some(proof), Some(issued_at_ms)) = (
        field("user"),
        field("tier"),
        field("expires_at_ms"),
        field("proof"),
        field("issued_at_ms"),
    ) else {
        tracing::error!(connection, "the authorizer handed on no identity: denied");
        return Err(ErrorCode::TicketInvalid.into());
    };
    let context = IdentityContext {
        user,
        tier,
        expires_at_ms,
        proof,
        issued_at_ms,
    };
    let identity = Identity::try_from(&context).map_err(|_| ErrorCode::TicketInvalid)?;
    socket.connections.open(connection, &identity).await
}

/// Lets a client in, in the protocol that it offered.
fn accept(headers: &HeaderMap) -> ApiGatewayProxyResponse {
    let mut response = respond(200, None);
    let offered = headers
        .get_all(&SUBPROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if offered
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == PROTOCOL)
    {
        response
            .headers
            .insert(SUBPROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    response
}

/// A reply as it may be told: an error may quote what it is about.
fn told(reply: String) -> String {
    if !reply.contains(r#""err""#) {
        return reply;
    }
    let Ok(mut told) = serde_json::from_str::<Value>(&reply) else {
        return error_reply(None, &ErrorCode::Internal.into());
    };
    redact_errors(&mut told);
    told.to_string()
}

/// Redacts what errors quote. Keys of streams stay as they were sent.
fn redact_errors(reply: &mut Value) {
    match reply {
        Value::Array(values) => values.iter_mut().for_each(redact_errors),
        Value::Object(fields) => {
            let is_refused = fields.get("err").is_some_and(Value::is_object);
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "message" => *text = redact_error(text),
                    Value::String(text) if name == "stream" || (name == "key" && is_refused) => {
                        if text.parse::<StreamKey>().is_err() {
                            *text = redact_error(text);
                        }
                    }
                    value => redact_errors(value),
                }
            }
        }
        _ => {}
    }
}

fn refuse(fault: Fault) -> ApiGatewayProxyResponse {
    let status = fault.code().map_or(500, ErrorCode::status);
    let mut error = HttpError::from(fault.into_body());
    error.error.body.message = redact_error(&error.error.body.message);
    let mut response = respond(status, serde_json::to_string(&error).ok());
    response
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn respond(status: u16, body: Option<String>) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = i64::from(status);
    response.body = body.map(Body::Text);
    response
}

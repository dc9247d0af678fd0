//! The two APIs on one listener: HTTP, and the socket at `/ws`, whose upgrade,
//! messages and end become the events that the functions take.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::encodings::Body as EventBody;
use aws_lambda_events::event::apigw::{
    ApiGatewayCustomAuthorizerRequestTypeRequestIdentity as SocketIdentity, ApiGatewayProxyResponse,
    ApiGatewayWebsocketProxyRequest,
};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{ConnectInfo, DefaultBodyLimit, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tickwire_api::ClientAddress;
use tickwire_authorize::{Door, SocketRequest};
use tickwire_service::placement::Placement;
use tickwire_service::ports::{Enqueue, Entropy, Outgoing, PortError, Push, Queue};
use tickwire_socket::Socket;
use tickwire_streams::Universe;
use tickwire_wire::{ErrorBody, ErrorCode, HttpError, message_bytes_max};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;

use crate::push::Sockets;

/// Largest message of a client that is read at all, the platform's own bound.
const MESSAGE_BYTES_MAX: usize = 128 * 1_024;
/// First size of a connection's buffers: its messages are small, and there may be thousands.
const SOCKET_BUFFER_BYTES: usize = 4 * 1_024;
/// A connection without messages for so long ends, as on the platform.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// A connection ends after so long, as on the platform.
const LIFETIME_MAX: Duration = Duration::from_secs(2 * 3_600);
/// A write to a socket that takes longer means that nobody reads.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Calls for sockets that go on at once, for each processor; others wait for their turn, so that
/// what ingest and deliver ask of the store never stands behind a crowd.
const CALLS_PER_PROCESSOR: usize = 2;
/// A call that takes longer, as to a client that does not read, leaves its turn to others.
const TURN_MAX: Duration = Duration::from_millis(100);
/// The one user that may put messages into the queue over HTTP.
pub const OPERATOR: &str = "operator";

/// What the listener serves.
pub(super) struct Served {
    pub(super) door: Door,
    pub(super) socket: Arc<Socket>,
    pub(super) sockets: Arc<Sockets>,
    pub(super) enqueue: Arc<dyn Enqueue>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) universe: Universe,
    pub(super) placement: Placement,
    /// The open sockets' tasks.
    pub(super) sessions: TaskTracker,
    pub(super) calls: Calls,
}

/// Turns of the calls for sockets.
pub(super) struct Calls(Semaphore);

impl Default for Calls {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(Semaphore::new(CALLS_PER_PROCESSOR * processors))
    }
}

impl Calls {
    /// Makes a call when it is its turn.
    async fn make<T>(&self, call: impl Future<Output = T>) -> T {
        // It is never closed.
        let turn = self.0.acquire().await;
        let mut call = pin!(call);
        if let Ok(answer) = timeout(TURN_MAX, call.as_mut()).await {
            return answer;
        }
        drop(turn);
        call.await
    }
}

/// Routes of this host beside the API's own.
pub(super) fn routes(served: Arc<Served>) -> Router {
    Router::new()
        .route("/ws", get(upgrade))
        .route("/local/v1/stack", get(stack))
        .route(
            "/local/v1/messages",
            post(send).layer(DefaultBodyLimit::max(2 * message_bytes_max)),
        )
        .with_state(served)
}

/// What a sender must know of the stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stack {
    /// The world that is served.
    pub universe: Universe,
    /// How instruments are spread over groups.
    pub placement: Placement,
}

/// A message for the queue of events.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalMessage {
    /// Message group.
    pub group: String,
    /// Deduplication id.
    pub deduplication: String,
    /// Text.
    pub body: String,
}

/// From where a request came: what the socket says, and nothing that a client can write.
pub(super) async fn address(
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    request
        .extensions_mut()
        .insert(ClientAddress(from.ip().to_string()));
    next.run(request).await
}

fn refuse(error: ErrorBody, status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(HttpError::from(error))).into_response()
}

async fn operator(served: &Served, headers: &HeaderMap) -> Result<(), Response> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match served.door.authenticate.by_authorization(header).await {
        Ok(identity) if identity.user == OPERATOR => Ok(()),
        Ok(_) => {
            let error =
                ErrorBody::with_message(ErrorCode::NotYours, "Only the operator's token may do this.");
            Err(refuse(error, ErrorCode::NotYours.status()))
        }
        Err(refused) => {
            let code = refused.code.error_code();
            Err(refuse(
                ErrorBody::with_message(code, refused.code.reason()),
                code.status(),
            ))
        }
    }
}

async fn stack(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    match operator(&served, &headers).await {
        Ok(()) => Json(Stack {
            universe: served.universe.clone(),
            placement: served.placement.clone(),
        })
        .into_response(),
        Err(response) => response,
    }
}

async fn send(State(served): State<Arc<Served>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(response) = operator(&served, &headers).await {
        return response;
    }
    let message: LocalMessage = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(error) => {
            let error = ErrorBody::with_message(ErrorCode::MessageMalformed, error.to_string());
            return refuse(error, ErrorCode::MessageMalformed.status());
        }
    };
    let LocalMessage {
        group,
        deduplication,
        body,
    } = message;
    match served
        .enqueue
        .send(
            Queue::Ticks,
            Outgoing {
                group,
                deduplication,
                body,
            },
        )
        .await
    {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(PortError::Refused { why, .. }) => refuse(
            ErrorBody::with_message(ErrorCode::ParameterInvalid, why),
            ErrorCode::ParameterInvalid.status(),
        ),
        Err(error) => refuse(
            ErrorBody::with_message(ErrorCode::Unavailable, error.to_string()),
            ErrorCode::Unavailable.status(),
        ),
    }
}

/// `$connect`: the authorizer first, then the function, then the upgrade.
async fn upgrade(
    State(served): State<Arc<Served>>,
    RawQuery(query): RawQuery,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let ticket = query
        .as_deref()
        .and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("ticket=")));
    let mut request = SocketRequest::default();
    request.type_ = Some("REQUEST".to_owned());
    request.method_arn = Some("arn:aws:execute-api:local:000000000000:socket/local/$connect".to_owned());
    let mut from = SocketIdentity::default();
    from.source_ip = Some(address.0);
    request.request_context.identity = Some(from);
    if let Some(ticket) = ticket {
        request.query_string_parameters =
            HashMap::from([("ticket".to_owned(), vec![ticket.to_owned()])]).into();
    }
    let authorize = tickwire_authorize::authorize_socket(&served.door, &request);
    let answer = served.calls.make(authorize).await;
    let Some(identity) = answer.context.identity.clone() else {
        let code = answer
            .context
            .code
            .map_or(ErrorCode::TicketInvalid, |code| code.error_code());
        return refuse(code.into(), code.status());
    };
    let connection = match served.entropy.bytes() {
        Ok(bytes) => STANDARD.encode(&bytes[..11]),
        Err(_) => return refuse(ErrorCode::Unavailable.into(), ErrorCode::Unavailable.status()),
    };
    let mut event = event(&connection, "$connect", None);
    event.headers = headers;
    event.request_context.authorizer.fields = [
        ("user".to_owned(), identity.user.into()),
        ("tier".to_owned(), identity.tier.into()),
        ("expires_at_ms".to_owned(), identity.expires_at_ms.into()),
        ("proof".to_owned(), identity.proof.into()),
        ("issued_at_ms".to_owned(), identity.issued_at_ms.into()),
    ]
    .into_iter()
    .collect();
    let response = handle(&served, event).await;
    if response.status_code != 200 {
        let status = u16::try_from(response.status_code)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        let json = [(header::CONTENT_TYPE, "application/json")];
        return (
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            json,
            text(response).unwrap_or_default(),
        )
            .into_response();
    }
    let abandoned = (Arc::clone(&served), connection.clone());
    let sessions = served.sessions.clone();
    upgrade
        .protocols([tickwire_service::manage_subscription::PROTOCOL])
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .on_failed_upgrade(move |error| {
            let (served, connection) = abandoned;
            tracing::debug!(connection, %error, "an upgrade failed");
            let sessions = served.sessions.clone();
            sessions.spawn(async move { disconnect(&served, &connection).await });
        })
        .on_upgrade(move |socket| sessions.track_future(run(served, connection, socket)))
}

fn event(connection: &str, route: &str, body: Option<(String, bool)>) -> ApiGatewayWebsocketProxyRequest {
    let mut event = ApiGatewayWebsocketProxyRequest::default();
    event.request_context.connection_id = Some(connection.to_owned());
    event.request_context.route_key = Some(route.to_owned());
    if let Some((body, is_base64_encoded)) = body {
        event.body = Some(body);
        event.is_base64_encoded = is_base64_encoded;
    }
    event
}

/// Calls the function of sockets.
async fn handle(served: &Served, event: ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
    served
        .calls
        .make(tickwire_socket::handle(&served.socket, event))
        .await
}

fn text(response: ApiGatewayProxyResponse) -> Option<String> {
    match response.body {
        Some(EventBody::Text(text)) => Some(text),
        _ => None,
    }
}

async fn disconnect(served: &Served, connection: &str) {
    handle(served, event(connection, "$disconnect", None)).await;
}

/// One open socket: a reader that turns messages into events, and a writer for
/// replies and posted frames.
async fn run(served: Arc<Served>, connection: String, socket: WebSocket) {
    let frames = served.sockets.register(&connection);
    let (sink, stream) = socket.split();
    let mut writer = tokio::spawn(write(sink, frames));
    let writes = tokio::select! {
        () = read(&served, &connection, stream) => true,
        _ = &mut writer => false,
    };
    // Dropping the channel ends the writer once what was taken is written.
    let _ = served.sockets.disconnect(&connection).await;
    disconnect(&served, &connection).await;
    if writes && timeout(WRITE_MAX, writer).await.is_err() {
        tracing::debug!(connection, "a socket's writer was given up");
    }
}

async fn read(served: &Served, connection: &str, mut stream: futures_util::stream::SplitStream<WebSocket>) {
    let end = Instant::now() + LIFETIME_MAX;
    loop {
        let message = tokio::select! {
            message = timeout(IDLE_MAX, stream.next()) => message,
            () = sleep_until(end) => return,
        };
        let body = match message {
            Ok(Some(Ok(Message::Text(text)))) => (text.to_string(), false),
            Ok(Some(Ok(Message::Binary(bytes)))) => (STANDARD.encode(&bytes), true),
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Close(_))) | None) | Err(_) => return,
            Ok(Some(Err(error))) => {
                tracing::debug!(connection, %error, "a socket ended");
                return;
            }
        };
        let response = handle(served, event(connection, "$default", Some(body))).await;
        if let Some(reply) = text(response)
            && !served.sockets.reply(connection, reply).await
        {
            return;
        }
    }
}

async fn write(
    mut sink: futures_util::stream::SplitSink<WebSocket, Message>,
    mut frames: crate::push::Frames,
) {
    while let Some(text) = frames.recv().await {
        let write = async {
            sink.feed(Message::Text(text.into())).await?;
            // Those that wait already go with it.
            while let Ok(frame) = frames.try_recv() {
                sink.feed(Message::Text(frame.into())).await?;
            }
            sink.flush().await
        };
        match timeout(WRITE_MAX, write).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    let farewell = CloseFrame {
        code: close_code::NORMAL,
        reason: "".into(),
    };
    let _ = timeout(WRITE_MAX, sink.send(Message::Close(Some(farewell)))).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_take_turns_and_a_slow_one_delays_nobody_for_long() {
        let (calls, at_once, most) = (Calls::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let turns = calls.0.available_permits();
        let call = |takes: Duration| {
            let (at_once, most) = (&at_once, &most);
            calls.make(async move {
                most.fetch_max(at_once.fetch_add(1, Relaxed) + 1, Relaxed);
                sleep(takes).await;
                at_once.fetch_sub(1, Relaxed);
            })
        };
        futures_util::future::join_all((0..20 * turns).map(|_| call(Duration::from_millis(10)))).await;
        assert_eq!(most.load(Relaxed), turns);
        let began = Instant::now();
        let slow = futures_util::future::join_all((0..turns).map(|_| call(WRITE_MAX)));
        let quick = async {
            call(Duration::from_millis(10)).await;
            began.elapsed()
        };
        let (_, quick) = futures_util::future::join(slow, quick).await;
        assert_eq!(quick, TURN_MAX + Duration::from_millis(10));
    }
}

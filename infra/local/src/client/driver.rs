//! Drives a session over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::connect::{ConnectError, Endpoint, Socket, TokenSource, connect};
use super::notes::{Action, Ended, Receive};
use super::session::Session;

/// Longest time for one message to the server.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Longest time for the farewell.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// Why a client ended other than by being stopped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A connection could not be made, and trying again is of no use.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server ended it.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// A connected client.
pub struct Client {
    endpoint: Endpoint,
    token: TokenSource,
    session: Session,
    socket: Socket,
}

/// How one connection ended.
enum Left {
    /// The caller stops.
    Stopped,
    /// Another one is due then.
    At(Instant),
    /// For good.
    Ended(Ended),
}

impl Client {
    /// Gets a ticket and opens the first connection.
    ///
    /// # Errors
    /// When that fails. Later connections are tried again.
    pub async fn connect(
        endpoint: Endpoint,
        token: TokenSource,
        session: Session,
    ) -> Result<Self, ConnectError> {
        let socket = connect(&endpoint, &token).await?;
        Ok(Self {
            endpoint,
            token,
            session,
            socket,
        })
    }

    /// Receives until `stop` is cancelled, over as many connections as it
    /// takes; gives the session back with its counts.
    ///
    /// # Errors
    /// When the server lets the user in no longer.
    pub async fn run(
        self,
        receive: &mut (impl Receive + Send),
        stop: &CancellationToken,
    ) -> (Session, Result<(), ClientError>) {
        let Self {
            endpoint,
            token,
            mut session,
            socket,
        } = self;
        let began = Instant::now();
        let mut socket = Some(socket);
        loop {
            let left = match socket.take() {
                Some(socket) => one_connection(socket, &mut session, began, receive, stop).await,
                None => match connect(&endpoint, &token).await {
                    Ok(connected) => {
                        socket = Some(connected);
                        continue;
                    }
                    Err(error) if error.is_final() => return (session, Err(error.into())),
                    Err(error) => {
                        session.on_disconnected(&error.to_string(), error.retry_after(), receive);
                        match session.next_action() {
                            Some(Action::Reconnect { after }) => Left::At(Instant::now() + after),
                            _ => Left::Stopped,
                        }
                    }
                },
            };
            match left {
                Left::Stopped => return (session, Ok(())),
                Left::Ended(ended) => return (session, Err(ended.into())),
                Left::At(instant) => tokio::select! {
                    () = stop.cancelled() => return (session, Ok(())),
                    () = sleep_until(instant) => {}
                },
            }
        }
    }
}

async fn one_connection(
    mut socket: Socket,
    session: &mut Session,
    began: Instant,
    receive: &mut (impl Receive + Send),
    stop: &CancellationToken,
) -> Left {
    session.on_connected(began.elapsed());
    let mut leave: Option<Instant> = None;
    loop {
        while let Some(action) = session.next_action() {
            match action {
                Action::Send(text) => {
                    if !matches!(
                        timeout(SEND_MAX, socket.send(Message::text(text))).await,
                        Ok(Ok(()))
                    ) {
                        session.on_disconnected("the connection takes nothing", None, receive);
                    }
                }
                Action::Reconnect { after } => leave = Some(Instant::now() + after),
                Action::End(ended) => {
                    close(socket).await;
                    return Left::Ended(ended);
                }
            }
        }
        let deadline = session.deadline().map(|deadline| began + deadline);
        let wake = [deadline, leave].into_iter().flatten().min();
        let message = tokio::select! {
            message = socket.next() => message,
            () = stop.cancelled() => {
                close(socket).await;
                return Left::Stopped;
            }
            () = async { sleep_until(wake.unwrap_or_else(Instant::now)).await }, if wake.is_some() => {
                if leave.is_some_and(|leave| leave <= Instant::now()) {
                    close(socket).await;
                    return Left::At(Instant::now());
                }
                session.on_time(began.elapsed(), receive);
                continue;
            }
        };
        match message {
            Some(Ok(Message::Text(text))) => session.on_text(&text, began.elapsed(), crate::now(), receive),
            // Answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
            ended @ (Some(Ok(Message::Close(_)) | Err(_)) | None) => {
                if let Some(leave) = leave {
                    return Left::At(leave);
                }
                let why = match ended {
                    Some(Err(error)) => error.to_string(),
                    _ => "the server closed the connection".to_owned(),
                };
                session.on_disconnected(&why, None, receive);
                if let Some(Action::Reconnect { after }) = session.next_action() {
                    return Left::At(Instant::now() + after);
                }
            }
        }
    }
}

async fn close(mut socket: Socket) {
    // The server takes a closed connection for a farewell as well.
    let _ = timeout(CLOSE_MAX, socket.close(None)).await;
}

//! A socket that is spoken to by hand.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::Failure;

/// Longest wait for an answer.
const SOON: Duration = Duration::from_secs(10);

/// Why there is no socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Status of the answer; 0 of none.
    pub status: u16,
    /// The error that is told, if any is, or what else went wrong.
    pub slug: String,
}

/// A socket that stands.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    id: u64,
}

impl Socket {
    /// Opens one over a connection, at an address with its query.
    ///
    /// # Errors
    /// When it is refused, or not answered.
    pub async fn over(stream: TcpStream, address: &str) -> Result<Self, Refused> {
        let refused = |status, slug: &str| Refused {
            status,
            slug: slug.to_owned(),
        };
        match timeout(SOON, client_async(address, stream)).await {
            Ok(Ok((stream, _))) => Ok(Self { stream, id: 0 }),
            Ok(Err(Error::Http(answer))) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                let slug = body["error"]["slug"].as_str().unwrap_or_default();
                Err(refused(answer.status().as_u16(), slug))
            }
            Ok(Err(error)) => Err(refused(0, &error.to_string())),
            Err(late) => Err(refused(0, &late.to_string())),
        }
    }

    /// What is answered to a request; none where the connection ends instead.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn ask(&mut self, mut request: Value) -> Result<Option<Value>, Failure> {
        self.id += 1;
        request["id"] = self.id.into();
        if self
            .stream
            .send(Message::text(request.to_string()))
            .await
            .is_err()
        {
            return Ok(None);
        }
        loop {
            match self.next().await? {
                Some(told) if told["id"] != self.id => {}
                told => return Ok(told),
            }
        }
    }

    /// The next text; none when the connection ends.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            let next = timeout(SOON, self.stream.next()).await;
            match next.map_err(Failure::of("hear from a socket"))? {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).ok()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Ok(None),
            }
        }
    }

    /// The answer to a greeting.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn hello(&mut self) -> Result<Option<Value>, Failure> {
        self.ask(json!({"op": "hello"})).await
    }
}

/// What a reply says of a request or of one of its streams: the error's slug, or `ok`.
pub fn told(reply: &Value) -> String {
    reply["err"]["slug"].as_str().unwrap_or("ok").to_owned()
}

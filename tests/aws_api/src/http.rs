//! One HTTP request, and its answer as it is.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    /// With nothing but a method.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Asks, over a connection of its own.
///
/// # Errors
/// When there is no answer.
pub async fn call(url: &str, request: Request) -> Result<Answer, Failure> {
    let uri: Uri = url.parse().map_err(Failure::of("read an address"))?;
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let stream = TcpStream::connect(&authority)
        .await
        .map_err(Failure::of("connect"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::of("connect"))?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut asked = hyper::Request::builder()
        .method(request.method)
        .uri(path)
        .header("host", &authority);
    for (name, value) in request.headers {
        asked = asked.header(name, value);
    }
    let asked = asked
        .body(Full::new(Bytes::from(request.body)))
        .map_err(Failure::of("make a request"))?;
    let answer = sender
        .send_request(asked)
        .await
        .map_err(Failure::of("send a request"))?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(Failure::of("read an answer"))?;
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.to_bytes().to_vec(),
    })
}

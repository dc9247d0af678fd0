//! Addresses, connections, tickets, and the few HTTP requests that clients need.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use tickwire_wire::{ErrorBody, HttpError, TicketBody};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest time for one connection or one HTTP request.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Largest message of the server that is read, in bytes: an item may travel alone in a large frame.
const MESSAGE_BYTES_MAX: usize = 1_024 * 1_024;
/// Buffer of a connection's reader, in bytes.
const READ_BUFFER_BYTES: usize = 32 * 1_024;
/// Where the embedded host serves the socket.
const SOCKET_PATH_DEFAULT: &str = "/ws";

/// Gives a token, anew for every connection: tokens are short-lived.
pub type TokenSource = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// One token, whatever its age.
pub fn fixed_token(token: impl Into<String>) -> TokenSource {
    let token = token.into();
    Arc::new(move || Ok(token.clone()))
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// An address is not one.
    #[error("{address:?} is not an address: write one such as ws://127.0.0.1:8437 ({why})")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// This build has no TLS.
    #[error("failed to connect to {0}: this tickwire was built without TLS; build it with --features tls")]
    Tls(String),
    /// Nobody answers.
    #[error("failed to connect to {address}: {why}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        why: String,
    },
    /// The server says no.
    #[error("the server refuses: {} (code {} {})", .error.message, .error.code, .error.slug)]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its error.
        error: ErrorBody,
    },
    /// No token.
    #[error("failed to get a token: {0}")]
    Token(String),
}

impl ConnectError {
    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused { error, .. } => !error.temporary,
            Self::Unreachable { .. } => false,
            Self::Address { .. } | Self::Tls(_) | Self::Token(_) => true,
        }
    }

    /// When the server wants to see us again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { error, .. } => error.retry_after_ms.map(Duration::from_millis),
            _ => None,
        }
    }
}

/// Host and path of one of the two APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

impl Place {
    fn parse(address: &str) -> Result<Self, ConnectError> {
        let fail = |why: String| ConnectError::Address {
            address: address.to_owned(),
            why,
        };
        let uri: Uri = address
            .parse()
            .map_err(|e: hyper::http::uri::InvalidUri| fail(e.to_string()))?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(fail("it begins with ws://, wss://, http:// or https://".into())),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| fail("it has no host".into()))?;
        if uri.query().is_some() {
            return Err(fail("it has a query".into()));
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path,
        })
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Where a stack serves its socket and its HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    socket: Place,
    api: Place,
}

impl Endpoint {
    /// From the socket's address and the HTTP API's, where that is another host
    /// than the socket's. A socket's address without a path gets the one of the
    /// embedded host.
    ///
    /// # Errors
    /// When one is not an address.
    pub fn parse(socket: &str, api: Option<&str>) -> Result<Self, ConnectError> {
        let mut socket = Place::parse(socket)?;
        let api = match api {
            Some(api) => Place::parse(api)?,
            None => Place {
                path: String::new(),
                ..socket.clone()
            },
        };
        if socket.path.is_empty() {
            socket.path = SOCKET_PATH_DEFAULT.to_owned();
        }
        Ok(Self { socket, api })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.socket.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.socket.authority(), self.socket.path)
    }
}

/// A byte stream, plain or TLS.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Wire>>;

async fn open(place: &Place) -> Result<Box<dyn Wire>, ConnectError> {
    let fail = |why: String| ConnectError::Unreachable {
        address: place.authority(),
        why,
    };
    let host = place.host.trim_start_matches('[').trim_end_matches(']');
    let tcp = match timeout(CONNECT_MAX, TcpStream::connect((host, place.port))).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            return Err(fail(format!(
                "{error}: is the stack up? `tickwire up` starts one"
            )));
        }
        Ok(Err(error)) => return Err(fail(error.to_string())),
        Err(_) => return Err(fail(format!("no answer within {} s", CONNECT_MAX.as_secs()))),
    };
    tcp.set_nodelay(true).map_err(|e| fail(e.to_string()))?;
    if place.secure {
        tls(place, tcp).await
    } else {
        Ok(Box::new(tcp))
    }
}

#[cfg(feature = "tls")]
async fn tls(place: &Place, tcp: TcpStream) -> Result<Box<dyn Wire>, ConnectError> {
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let fail = |why: String| ConnectError::Unreachable {
        address: place.authority(),
        why,
    };
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(place.host.clone()).map_err(|e| fail(e.to_string()))?;
    let connecting = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp);
    match timeout(CONNECT_MAX, connecting).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(fail(error.to_string())),
        Err(_) => Err(fail("no answer to the TLS handshake".into())),
    }
}

#[cfg(not(feature = "tls"))]
async fn tls(place: &Place, _tcp: TcpStream) -> Result<Box<dyn Wire>, ConnectError> {
    Err(ConnectError::Tls(place.authority()))
}

/// One request to the HTTP API; gives the body of a successful answer.
///
/// # Errors
/// When nobody answers, or with what the server refuses.
pub async fn http(
    endpoint: &Endpoint,
    method: Method,
    path: &str,
    token: &str,
    body: Bytes,
) -> Result<Bytes, ConnectError> {
    let place = &endpoint.api;
    let fail = |why: String| ConnectError::Unreachable {
        address: place.authority(),
        why,
    };
    let exchange = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(open(place).await?))
                .await
                .map_err(|e| fail(e.to_string()))?;
        let driving = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", place.path))
            .header(header::HOST, place.authority())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|e| fail(e.to_string()))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|e| fail(e.to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        driving.abort();
        Ok((status, body.map_err(|e| fail(e.to_string()))?.to_bytes()))
    };
    let (status, body) = timeout(CONNECT_MAX, exchange)
        .await
        .map_err(|_| fail("no answer in time".into()))??;
    if status.is_success() {
        Ok(body)
    } else {
        Err(refused(status.as_u16(), &body))
    }
}

fn refused(status: u16, body: &[u8]) -> ConnectError {
    let error = serde_json::from_slice::<HttpError>(body).map(|body| body.error.body);
    let error = error.unwrap_or_else(|_| ErrorBody {
        code: 0,
        slug: "unknown".into(),
        temporary: status == 429 || status >= 500,
        message: format!("The server answered with HTTP status {status}."),
        retry_after_ms: None,
        stream: None,
        tier: None,
        required: None,
        successor: None,
    });
    ConnectError::Refused { status, error }
}

/// A ticket for the bearer of `token`, spent on a socket.
pub(super) async fn connect(endpoint: &Endpoint, token: &TokenSource) -> Result<Socket, ConnectError> {
    let token = token().map_err(ConnectError::Token)?;
    let body = http(endpoint, Method::POST, "/v1/tickets", &token, Bytes::new()).await?;
    let fail = |why: String| ConnectError::Unreachable {
        address: endpoint.socket.authority(),
        why,
    };
    let ticket: TicketBody = serde_json::from_slice(&body).map_err(|e| fail(format!("no ticket: {e}")))?;
    let address = format!("{endpoint}?ticket={}", ticket.ticket);
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_BUFFER_BYTES;
    config.max_message_size = Some(MESSAGE_BYTES_MAX);
    config.max_frame_size = Some(MESSAGE_BYTES_MAX);
    let wire = open(&endpoint.socket).await?;
    let shaking = tokio_tungstenite::client_async_with_config(address, wire, Some(config));
    match timeout(CONNECT_MAX, shaking).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(answer))) => Err(refused(
            answer.status().as_u16(),
            answer.body().as_deref().unwrap_or_default(),
        )),
        // Its own words could quote the address, and with it the ticket.
        Ok(Err(tungstenite::Error::Url(_) | tungstenite::Error::HttpFormat(_))) => {
            Err(fail("the address cannot be used".into()))
        }
        Ok(Err(error)) => Err(fail(error.to_string())),
        Err(_) => Err(fail("no answer to the upgrade".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_two_apis() {
        let check = |socket: &str, api: Option<&str>, expected: &str, host: &str, path: &str| {
            let endpoint = Endpoint::parse(socket, api).unwrap();
            let api = &endpoint.api;
            assert_eq!(
                (
                    endpoint.to_string().as_str(),
                    api.authority().as_str(),
                    api.path.as_str()
                ),
                (expected, host, path)
            );
        };
        check(
            "ws://127.0.0.1:8437",
            None,
            "ws://127.0.0.1:8437/ws",
            "127.0.0.1:8437",
            "",
        );
        check(
            "ws://localhost:1/",
            None,
            "ws://localhost:1/ws",
            "localhost:1",
            "",
        );
        check("ws://[::1]:9/x", None, "ws://[::1]:9/x", "[::1]:9", "");
        check(
            "wss://a.example/live",
            Some("https://b.example/v"),
            "wss://a.example:443/live",
            "b.example:443",
            "/v",
        );
        for bad in ["", "127.0.0.1:8437", "ftp://x", "ws://", "ws://x?ticket=1"] {
            assert!(Endpoint::parse(bad, None).is_err(), "{bad}");
        }
    }
}

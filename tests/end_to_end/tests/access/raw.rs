//! Requests written by hand, each from an address of its own where that matters.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use serde_json::Value;
use tickwire_end_to_end::socket::Socket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longest wait for an answer.
const SOON: Duration = Duration::from_secs(10);

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Head and body as they came.
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let body = self.text.split_once("\r\n\r\n").map(|(_, body)| body);
        serde_json::from_str(body.unwrap_or_default()).unwrap_or_default()
    }

    pub(crate) fn slug(&self) -> String {
        let slug = self.json()["error"]["slug"].as_str().map(str::to_owned);
        slug.unwrap_or_default()
    }
}

/// One of many addresses of this machine: failures from one are no other's.
pub(crate) fn address(nth: usize) -> Ipv4Addr {
    let byte = |n: usize| u8::try_from(1 + n % 250).unwrap();
    Ipv4Addr::new(127, 1, byte(nth / 250), byte(nth))
}

async fn connect(port: u16, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::V4(SocketAddrV4::new(from, 0))).unwrap();
    let to = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    timeout(SOON, socket.connect(to)).await.unwrap().unwrap()
}

/// Asks over a connection of its own. Headers are lines.
pub(crate) async fn ask(
    port: u16,
    from: Ipv4Addr,
    (method, target): (&str, &str),
    headers: &[String],
    body: &str,
) -> Answer {
    let mut stream = connect(port, from).await;
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
    for header in headers {
        text += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        text += &format!("content-length: {}\r\n", body.len());
    }
    text += "\r\n";
    text += body;
    // What is refused early may be answered before all was taken.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_default(),
        text,
    }
}

/// Opens a socket with a ticket; else the error that is told.
pub(crate) async fn socket(port: u16, from: Ipv4Addr, ticket: Option<&str>) -> Result<Socket, String> {
    let query = ticket.map_or_else(String::new, |ticket| format!("?ticket={ticket}"));
    let address = format!("ws://127.0.0.1:{port}/ws{query}");
    let opened = Socket::over(connect(port, from).await, &address).await;
    opened.map_err(|refused| refused.slug)
}

//! Key sets of other issuers, over HTTPS: one request, no redirect, bounded in time and size.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tickwire_service::ports::{Jwk, KeySets, PortError, PortResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time of a reading.
const READ_MAX: Duration = Duration::from_secs(3);
/// Largest set, in bytes.
const SET_BYTES_MAX: usize = 256 * 1_024;
const WHAT: &str = "key_sets.key_set";

/// A key set at an address.
pub struct HttpKeySet {
    host: String,
    port: u16,
    path: String,
    /// None towards this machine.
    tls: Option<Tls>,
}

/// Why an address is not one for keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: write the address of a key set as https://issuer.example/path")]
pub struct KeySetAddressError(&'static str);

impl HttpKeySet {
    /// At `https://…`; at `http://…` only on this machine.
    ///
    /// # Errors
    /// When it is neither.
    pub fn new(address: &str) -> Result<Self, KeySetAddressError> {
        let uri: Uri = address
            .parse()
            .map_err(|_| KeySetAddressError("it is no address"))?;
        if uri
            .authority()
            .is_none_or(|authority| authority.as_str().contains('@'))
        {
            return Err(KeySetAddressError("it names no host, or a user"));
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_here =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let (tls, port) = match uri.scheme_str() {
            Some("https") => (Some(Tls::new()?), 443),
            Some("http") if is_here => (None, 80),
            Some("http") => return Err(KeySetAddressError("it is not https")),
            _ => return Err(KeySetAddressError("it is not https")),
        };
        Ok(Self {
            port: uri.port_u16().unwrap_or(port),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            host,
            tls,
        })
    }

    async fn read(&self) -> Result<Bytes, String> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|e| e.to_string())?;
        match &self.tls {
            None => self.exchange(tcp).await,
            Some(tls) => self.exchange(tls.connect(&self.host, tcp).await?).await,
        }
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
    ) -> Result<Bytes, String> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| e.to_string())?;
        let driving = tokio::spawn(connection);
        let request = Request::get(&self.path)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::ACCEPT, "application/json")
            .body(Empty::<Bytes>::new())
            .map_err(|e| e.to_string())?;
        let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
        // A redirect is an answer like any other that is not the set.
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer has status {}", answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), SET_BYTES_MAX).collect().await;
        driving.abort();
        body.map(|body| body.to_bytes())
            .map_err(|_| format!("the answer has more than {SET_BYTES_MAX} bytes, or was cut off"))
    }
}

#[cfg(feature = "key-sets-tls")]
use tls::Tls;

#[cfg(feature = "key-sets-tls")]
mod tls {
    use std::sync::Arc;

    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::KeySetAddressError;

    /// TLS with the roots of webpki.
    pub(super) struct Tls(TlsConnector);

    impl Tls {
        pub(super) fn new() -> Result<Self, KeySetAddressError> {
            let roots = RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            };
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|_| KeySetAddressError("TLS cannot be set up"))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            Ok(Self(TlsConnector::from(Arc::new(config))))
        }

        pub(super) async fn connect(
            &self,
            host: &str,
            tcp: TcpStream,
        ) -> Result<TlsStream<TcpStream>, String> {
            let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
            self.0.connect(name, tcp).await.map_err(|e| e.to_string())
        }
    }
}

/// A build without TLS reads no keys of others.
#[cfg(not(feature = "key-sets-tls"))]
struct Tls;

#[cfg(not(feature = "key-sets-tls"))]
impl Tls {
    fn new() -> Result<Self, KeySetAddressError> {
        Err(KeySetAddressError(
            "this build has no TLS, build it with --features tls",
        ))
    }

    async fn connect(&self, _: &str, tcp: TcpStream) -> Result<TcpStream, String> {
        drop(tcp);
        Err("this build has no TLS".to_owned())
    }
}

#[async_trait]
impl KeySets for HttpKeySet {
    async fn key_set(&self) -> PortResult<Vec<Jwk>> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let unavailable = |why: String| PortError::Unavailable { what: WHAT, why };
        let bytes = timeout(READ_MAX, self.read())
            .await
            .map_err(|_| unavailable(format!("no answer within {} s", READ_MAX.as_secs())))?
            .map_err(unavailable)?;
        let set: Set =
            serde_json::from_slice(&bytes).map_err(|_| unavailable("the answer is no key set".to_owned()))?;
        // Keys of kinds that are not known here are none of ours.
        Ok(set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in [
            #[cfg(feature = "key-sets-tls")]
            "https://issuer.example/.well-known/jwks.json",
            #[cfg(feature = "key-sets-tls")]
            "https://issuer.example:8443/keys?v=1",
            "http://127.0.0.1:9/keys",
            "http://[::1]:9/keys",
            "http://localhost/keys",
        ] {
            assert!(HttpKeySet::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "issuer.example/keys",
            "http://issuer.example/keys",
            "http://127.0.0.1.issuer.example/keys",
            "http://localhost.issuer.example/keys",
            "http://127.0.0.1@issuer.example/keys",
            "https://user@issuer.example/keys",
            "file:///etc/passwd",
            "ftp://issuer.example/keys",
        ] {
            assert!(HttpKeySet::new(bad).is_err(), "{bad}");
        }
    }

    async fn answering(head: &'static str, body: Vec<u8>) -> PortResult<Vec<Jwk>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await.unwrap();
            let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        });
        HttpKeySet::new(&format!("http://{address}/keys"))
            .unwrap()
            .key_set()
            .await
    }

    #[tokio::test]
    async fn a_set_is_read_within_bounds_and_no_redirect_is_followed() {
        let key =
            r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let set = format!(r#"{{"keys":[{key},{{"kty":"unheard-of"}},7]}}"#).into_bytes();
        let keys = answering("200 OK", set.clone()).await.unwrap();
        assert_eq!(keys[0].common.key_id.as_deref(), Some("a"));
        assert!(
            answering("302 Found\r\nlocation: http://127.0.0.1/", set.clone())
                .await
                .is_err()
        );
        assert!(answering("500 Oops", set).await.is_err());
        assert!(answering("200 OK", b"[]".to_vec()).await.is_err());
        assert!(answering("200 OK", vec![b' '; SET_BYTES_MAX + 1]).await.is_err());
    }
}

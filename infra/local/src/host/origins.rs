//! Which web pages may call the HTTP API: an exact list, as on API Gateway. A
//! browser lets a page of any other origin read nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Where a web page comes from: `https://app.example.com`, with a port where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is written out, as https://app.example.com or http://localhost:5173: no wildcard, no path"
)]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(OriginError)?;
        let (host, port) = rest
            .split_once(':')
            .map_or((rest, None), |(host, port)| (host, Some(port)));
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        let is_port =
            port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
        let value = HeaderValue::from_str(text).map_err(|_| OriginError)?;
        (is_host && is_port).then_some(Self(value)).ok_or(OriginError)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.to_str().unwrap_or_default())
    }
}

// As in the template.
const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization,content-type,if-none-match");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("etag,link,ratelimit,ratelimit-policy,retry-after,x-request-id");
const SECONDS_MAX: HeaderValue = HeaderValue::from_static("600");

/// Answers a browser's question before a request, and says of answers who may read them.
pub(super) async fn share(State(origins): State<Arc<[Origin]>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::ORIGIN);
    let Some(origin) = given
        .filter(|given| origins.iter().any(|origin| origin.0 == *given))
        .cloned()
    else {
        return next.run(request).await;
    };
    let asks = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match asks {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let put = |headers: &mut HeaderMap, name: HeaderName, value| drop(headers.insert(name, value));
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    put(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if asks {
        put(headers, header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        put(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        put(headers, header::ACCESS_CONTROL_MAX_AGE, SECONDS_MAX);
    } else {
        put(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_out() {
        for good in [
            "https://app.example.com",
            "http://localhost:5173",
            "http://127.0.0.1:8080",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().to_string(), good);
        }
        for bad in [
            "*",
            "https://*",
            "https://*.example.com",
            "null",
            "",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://App.example.com",
            "https://user@app.example.com",
            "https://app.example.com:",
            "https://app.example.com:0443",
            "https://app.example.com:99999",
            "ftp://app.example.com",
            "https://a.example, https://b.example",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError), "{bad:?}");
        }
    }
}

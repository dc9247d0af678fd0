//! The one shape of every error: status, and `{"error":{code, slug, message, request_id, …}}`.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tickwire_service::authenticate::Refused;
use tickwire_service::open_connection::Fault;
use tickwire_service::ports::PortError;
use tickwire_streams::StreamKey;
use tickwire_telemetry::redact::redact_error;
use tickwire_wire::{ErrorBody, ErrorCode, HttpError};

/// Header that carries a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An error on its way to the client. Its body is written last, when the
/// request's id is known (see [`finish`]).
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: u16,
    body: Box<ErrorBody>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            status: code.status(),
            body: Box::new(code.into()),
        }
    }
}

impl From<ErrorBody> for Refusal {
    fn from(body: ErrorBody) -> Self {
        Fault::from(body).into()
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = fault.code().map_or(500, ErrorCode::status);
        Self {
            status,
            body: Box::new(fault.into_body()),
        }
    }
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        Fault::from(error).into()
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        ErrorBody::with_message(refused.code.error_code(), refused.code.reason()).into()
    }
}

impl Refusal {
    /// A parameter that is wrong, in words.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into()
    }

    /// When to come again.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        let ms = self.body.retry_after_ms?;
        Some(u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX))
    }

    /// A body that is wrong, in words.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        ErrorBody::with_message(ErrorCode::MessageMalformed, message).into()
    }

    /// What a status means that some library gave.
    fn of_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            404 => ErrorCode::NotFound,
            405 => ErrorCode::MethodNotAllowed,
            413 => ErrorCode::MessageTooLarge,
            414 | 431 => ErrorCode::AddressTooLong,
            415 => ErrorCode::MediaTypeUnknown,
            503 => ErrorCode::Unavailable,
            400..500 => ErrorCode::MessageMalformed,
            _ => ErrorCode::Internal,
        };
        code.into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(ms) = self.body.retry_after_ms {
            headers.insert(header::RETRY_AFTER, ms.div_ceil(1_000).into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// A stream that an error is about: as it was sent where it is a key.
fn quoted(stream: &str) -> String {
    match stream.parse::<StreamKey>() {
        Ok(_) => stream.to_owned(),
        Err(_) => redact_error(stream),
    }
}

/// Writes the body of an error, whoever made it, and the request's id.
pub(crate) fn finish(mut response: Response, request_id: Option<&str>) -> Response {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let is_json = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|form| form == "application/json");
        let refusal = response.extensions_mut().remove::<Refusal>();
        // What is JSON already is an answer of its own, as that of /ready.
        if let Some(refusal) = refusal.or_else(|| (!is_json).then(|| Refusal::of_status(status))) {
            let mut body = HttpError::from(*refusal.body);
            body.error.request_id = request_id.map(str::to_owned);
            // A message may quote what was sent.
            let told = &mut body.error.body;
            told.message = redact_error(&told.message);
            told.stream = told.stream.take().map(|stream| quoted(&stream));
            let text = serde_json::to_string(&body).unwrap_or_default();
            response.headers_mut().remove(header::CONTENT_LENGTH);
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            *response.body_mut() = text.into();
        }
    }
    if let Some(value) = request_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

//! Events of an HTTP API (payload 2.0) as requests, and answers as its responses.

use std::convert::Infallible;

use aws_lambda_events::encodings::Body as EventBody;
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tickwire_wire::ErrorCode;
use tower_service::Service as _;

use crate::refusal::{Refusal, finish};
use crate::router::{ClientAddress, RequestId, body_bytes_max};

/// Name of the stage that stands in no path.
const STAGE_WITHOUT_PATH: &str = "$default";
/// Largest answer of a function, in bytes; the platform takes 6 MB.
const ANSWER_BYTES_MAX: usize = 5 * 1_024 * 1_024;

/// Answers an event.
pub async fn handle(router: &Router, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let id = event.request_context.request_id.clone();
    let answer = match request(event) {
        Ok(request) => {
            let mut router = router.clone();
            let answer: Result<_, Infallible> = router.call(request).await;
            match answer {
                Ok(answer) => answer,
                Err(never) => match never {},
            }
        }
        Err(refusal) => finish(refusal.into_response(), id.as_deref()),
    };
    response(answer, id.as_deref()).await
}

fn request(event: ApiGatewayV2httpRequest) -> Result<Request<Body>, Refusal> {
    let context = &event.request_context;
    let path = event.raw_path.as_deref().unwrap_or("/");
    let path = match context.stage.as_deref() {
        Some(stage) if stage != STAGE_WITHOUT_PATH => {
            let inside = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
            inside
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .unwrap_or(path)
        }
        _ => path,
    };
    let path = if path.is_empty() { "/" } else { path };
    let uri = match event.raw_query_string.as_deref() {
        None | Some("") => path.to_owned(),
        Some(query) => format!("{path}?{query}"),
    };
    let text = event.body.unwrap_or_default();
    // Before it is decoded: base64 makes four characters of three bytes.
    if text.len() > body_bytes_max * 4 / 3 + 4 {
        return Err(ErrorCode::MessageTooLarge.into());
    }
    let body = match event.is_base64_encoded {
        false => text.into_bytes(),
        true => STANDARD
            .decode(text)
            .map_err(|_| Refusal::body("The body is not base64."))?,
    };
    let mut request = Request::builder()
        .method(context.http.method.clone())
        .uri(uri)
        .body(Body::from(body))
        .map_err(|error| Refusal::body(format!("The request cannot be read: {error}.")))?;
    *request.headers_mut() = event.headers;
    if let Some(address) = event.request_context.http.source_ip {
        request.extensions_mut().insert(ClientAddress(address));
    }
    if let Some(id) = event.request_context.request_id {
        request.extensions_mut().insert(RequestId(id));
    }
    Ok(request)
}

async fn response(answer: Response<Body>, id: Option<&str>) -> ApiGatewayV2httpResponse {
    let (mut head, body) = answer.into_parts();
    let text = match to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map(|bytes| String::from_utf8(bytes.into()))
    {
        Ok(Ok(text)) => text,
        Ok(Err(_)) | Err(_) => {
            tracing::error!("the answer is too large, or no text");
            let (refused, body) = finish(Refusal::from(ErrorCode::Internal).into_response(), id).into_parts();
            head = refused;
            // A few hundred bytes of JSON.
            let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    head.headers.remove(header::CONTENT_LENGTH);
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(head.status.as_u16());
    response.headers = head.headers;
    response.body = (!text.is_empty()).then_some(EventBody::Text(text));
    response
}

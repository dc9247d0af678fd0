//! `/health`, `/ready`, `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tickwire_wire::{ErrorBody, ErrorCode, HealthBody, HttpError, ReadyBody};

use crate::answer::Form;
use crate::refusal::Refusal;
use crate::router::{Answer, Api};

/// Whether the process lives
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "operation",
    responses((status = 200, description = "It lives.", body = HealthBody)),
)]
pub(crate) async fn health(headers: HeaderMap) -> Answer<HealthBody> {
    Form::wanted(&headers, &[Form::Json])?;
    Ok(Json(HealthBody {
        status: "alive".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    }))
}

/// Whether all that requests depend on answers
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "ready",
    tag = "operation",
    responses(
        (status = 200, description = "It does.", body = ReadyBody),
        (status = 503, description = "It does not: which, and how long it took.", body = ReadyBody),
    ),
)]
pub(crate) async fn ready(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, Refusal> {
    Form::wanted(&headers, &[Form::Json])?;
    let body = api.history.ready().await;
    let status = if body.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((status, Json(body)).into_response())
}

/// Counters in Prometheus's text format
///
/// Only where one process is the whole stack. Functions write theirs to their logs (CloudWatch EMF).
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operation",
    responses(
        (status = 200, description = "All counters.", content_type = "text/plain", body = String),
        (status = 404, description = "`not_available`: not served here.", body = HttpError),
    ),
)]
pub(crate) async fn metrics(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let Some(metrics) = &api.metrics else {
        let message = "Metrics are not served here: functions write them to their logs.";
        return Err(ErrorBody::with_message(ErrorCode::NotAvailable, message).into());
    };
    let form = Form::wanted(&headers, &[Form::Text])?;
    Ok(([(header::CONTENT_TYPE, form.content_type())], metrics()).into_response())
}

//! Routes, parameters, and the one shape of every error.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tickwire_market::{InstrumentKey, Timeframe, UnixNanos};
use tickwire_service::authenticate::{Authenticate, Identity, Refused};
use tickwire_service::open_connection::Fault;
use tickwire_service::query_history::{BarsQuestion, PageOrder, QueryHistory, bars_per_page_max};
use tickwire_streams::{StreamKey, Universe};
use tickwire_wire::{BarsPage, ErrorBody, ErrorCode, HealthBody, HttpError, SignalsPage, TicketBody};

/// Largest body of a request, in bytes.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const body_bytes_max: usize = 64 * 1_024;
/// Bars in a page, where the request does not say.
const BARS_PER_PAGE_DEFAULT: usize = 500;

/// The use cases behind the API.
pub struct Api {
    /// Who asks.
    pub authenticate: Authenticate,
    /// What is asked.
    pub history: QueryHistory,
}

/// An error on its way to the client.
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

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        ErrorBody::with_message(refused.code.error_code(), refused.code.reason()).into()
    }
}

impl Refusal {
    /// As the body of an answer.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(&HttpError {
            error: (*self.body).clone(),
        })
        .unwrap_or_default()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = HeaderValue::from_static("application/json");
        let mut response = (status, [(header::CONTENT_TYPE, json)], self.to_text()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(ms) = self.body.retry_after_ms
            && let Ok(seconds) = HeaderValue::from_str(&ms.div_ceil(1_000).to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

type Answer<T> = Result<Json<T>, Refusal>;

/// All routes. Every one but `/health` and `/ready` asks for a token.
pub fn router(api: Arc<Api>) -> Router {
    let closed = Router::new()
        .route("/v1/tickets", post(tickets))
        .route("/v1/bars/{instrument}", get(bars))
        .route("/v1/signals/{instrument}", get(signals))
        .route_layer(from_fn_with_state(api.clone(), authenticate));
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .merge(closed)
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn(guard))
        .with_state(api)
}

/// Bounds on all requests, headers of all answers.
async fn guard(request: Request, next: Next) -> Response {
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let mut response = if length.is_some_and(|bytes: usize| bytes > body_bytes_max) {
        Refusal::from(ErrorCode::MessageTooLarge).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

async fn authenticate(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let header = authorization(request.headers())?.map(str::to_owned);
    let identity = api.authenticate.by_authorization(header.as_deref()).await?;
    request.extensions_mut().insert(identity);
    Ok(next.run(request).await)
}

/// The one `Authorization` header, if there is one.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| ErrorCode::TokenInvalid.into()),
        (Some(_), Some(_)) => Err(ErrorCode::TokenInvalid.into()),
    }
}

async fn health() -> Json<HealthBody> {
    Json(HealthBody {
        status: "alive".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

async fn ready(State(api): State<Arc<Api>>) -> Response {
    let body = api.history.ready().await;
    let status = if body.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

async fn tickets(
    State(api): State<Arc<Api>>,
    Extension(identity): Extension<Identity>,
) -> Answer<TicketBody> {
    let ticket = api.authenticate.issue_ticket(&identity).await?;
    Ok(Json(TicketBody {
        ticket: ticket.text.expose().to_owned(),
        expires_at: ticket.expires_at,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BarsParameters {
    timeframe: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    #[serde(default)]
    order: PageOrder,
    universe: Option<String>,
}

async fn bars(
    State(api): State<Arc<Api>>,
    Extension(identity): Extension<Identity>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<BarsParameters>, QueryRejection>,
) -> Answer<BarsPage> {
    let instrument = instrument(path)?;
    let Query(parameters) = query.map_err(|error| invalid(error.body_text()))?;
    let timeframe = parameters
        .timeframe
        .as_deref()
        .ok_or_else(|| invalid("timeframe is missing.".into()))?;
    let timeframe: Timeframe = timeframe
        .parse()
        .map_err(|error| invalid(format!("timeframe: {error}.")))?;
    if timeframe == Timeframe::TICK {
        return Err(invalid("timeframe: bars are of 1m to 1d.".into()));
    }
    let mut from = time("from", parameters.from.as_deref())?.unwrap_or(UnixNanos(0));
    let mut to = time("to", parameters.to.as_deref())?.unwrap_or_else(|| api.history.now());
    if from >= to {
        return Err(invalid("from is not before to.".into()));
    }
    if let Some(cursor) = time("cursor", parameters.cursor.as_deref())? {
        let inside = from <= cursor && cursor <= to;
        if !inside {
            return Err(invalid(
                "cursor is not of this range: repeat the request of the page before.".into(),
            ));
        }
        match parameters.order {
            PageOrder::Oldest => from = cursor,
            PageOrder::Newest => to = cursor,
        }
    }
    let limit = match parameters.limit.as_deref() {
        None => BARS_PER_PAGE_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=bars_per_page_max).contains(limit))
            .ok_or_else(|| invalid(format!("limit is a whole number from 1 to {bars_per_page_max}.")))?,
    };
    let universe = universe(&api, parameters.universe.as_deref())?;
    let question = BarsQuestion {
        universe,
        instrument,
        timeframe,
        from,
        to,
        limit,
        order: parameters.order,
    };
    Ok(Json(api.history.bars(&identity, &question).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalsParameters {
    key: Option<String>,
    universe: Option<String>,
}

async fn signals(
    State(api): State<Arc<Api>>,
    Extension(identity): Extension<Identity>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<SignalsParameters>, QueryRejection>,
) -> Answer<SignalsPage> {
    let instrument = instrument(path)?;
    let Query(parameters) = query.map_err(|error| invalid(error.body_text()))?;
    let key = match parameters.key.as_deref() {
        None => None,
        Some(text) => Some(text.parse::<StreamKey>().map_err(|error| {
            Refusal::from(ErrorBody::with_message(
                ErrorCode::StreamMalformed,
                error.to_string(),
            ))
        })?),
    };
    let universe = universe(&api, parameters.universe.as_deref())?;
    Ok(Json(
        api.history
            .signals(&identity, &universe, &instrument, key.as_ref())
            .await?,
    ))
}

fn invalid(message: String) -> Refusal {
    ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into()
}

fn instrument(path: Result<Path<String>, PathRejection>) -> Result<InstrumentKey, Refusal> {
    let Path(text) = path.map_err(|error| invalid(error.body_text()))?;
    InstrumentKey::parse(&text).map_err(|error| invalid(format!("instrument: {error}.")))
}

fn universe(api: &Api, text: Option<&str>) -> Result<Universe, Refusal> {
    match text {
        None => Ok(api.history.universe().clone()),
        Some(text) => text
            .parse()
            .map_err(|error| invalid(format!("universe: {error}."))),
    }
}

/// A time as nanoseconds since 1970 or in RFC 3339.
fn time(name: &str, text: Option<&str>) -> Result<Option<UnixNanos>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let nanos = text.parse().ok().filter(|nanos: &i64| *nanos >= 0).map(UnixNanos);
    let time = nanos.or_else(|| UnixNanos::try_from(text.parse::<jiff::Timestamp>().ok()?).ok());
    let wrong = || {
        invalid(format!(
            "{name} is a time: nanoseconds since 1970-01-01T00:00:00Z, or RFC 3339."
        ))
    };
    time.map(Some).ok_or_else(wrong)
}

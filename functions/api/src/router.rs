//! The routes in one router, and what all requests go through.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tickwire_entitlements::{Identity, Window};
use tickwire_service::authenticate::{Authenticate, Scope};
use tickwire_service::cursor::Cursors;
use tickwire_service::limit_use::{Counted, LimitUse};
use tickwire_service::manage_access::ManageAccess;
use tickwire_service::manage_dead_letters::ManageDeadLetters;
use tickwire_service::manage_grants::ManageGrants;
use tickwire_service::manage_products::ManageProducts;
use tickwire_service::placement::Placement;
use tickwire_service::ports::{
    AccessBook, ApiKeys, AuditRows, DeadLetters, Enqueue, Entropy, GrantBook, Grants, Tickets,
};
use tickwire_service::query_history::{QueryHistory, QueryPorts};
use tickwire_service::query_instruments::QueryInstruments;
use tickwire_streams::Universe;
use tickwire_telemetry::export::Requests;
use tickwire_wire::{ErrorBody, ErrorCode};
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::document;
use crate::question::only;
use crate::refusal::{Refusal, finish};
use crate::routes::{
    access, bars, chains, dead_letters, grants, health, instruments, products, signals, tickets,
};
use crate::socket_document;

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// Largest body of a request, in bytes.
    pub const body_bytes_max: usize = 64 * 1_024;
    /// Longest path with its query, in bytes. API Gateway takes 10,240 with all headers.
    pub const address_bytes_max: usize = 4 * 1_024;
    /// All headers of a request with their names, in bytes, as API Gateway takes them.
    pub const headers_bytes_max: usize = 10 * 1_024;
}

pub use limits::{address_bytes_max, body_bytes_max, headers_bytes_max};

/// Bytes of a request's id, before it is written as text.
const REQUEST_ID_BYTES: usize = 12;

/// The use cases behind the API.
pub struct Api {
    /// Who asks.
    pub authenticate: Authenticate,
    /// Bars, signals, readiness.
    pub history: QueryHistory,
    /// What there is.
    pub instruments: QueryInstruments,
    /// What admins change.
    pub grants: ManageGrants,
    /// What is on sale.
    pub products: ManageProducts,
    /// Keys, revocations, bans, the audit.
    pub access: ManageAccess,
    /// How much may be asked; without, as much as one likes.
    pub limits: Option<LimitUse>,
    /// What was set aside.
    pub dead_letters: ManageDeadLetters,
    /// Where pages begin.
    pub cursors: Cursors,
    /// For the ids of requests that come without one.
    pub entropy: Arc<dyn Entropy>,
    /// Requests are counted here.
    pub requests: Arc<Requests>,
    /// Counters as `/metrics` shows them, where it is served.
    pub metrics: Option<Metrics>,
}

impl Api {
    /// All use cases over their ports, a store and the queues; `/metrics` is not served.
    /// `world` says how instruments are spread over groups, and which universe is
    /// read unless another is asked for.
    pub fn new<S, Q>(
        ports: QueryPorts,
        store: Arc<S>,
        queues: Arc<Q>,
        entropy: Arc<dyn Entropy>,
        world: (Placement, Universe),
        secret_name: &str,
    ) -> Self
    where
        S: Tickets + Grants + GrantBook + AccessBook + ApiKeys + AuditRows + 'static,
        Q: DeadLetters + Enqueue + 'static,
    {
        let (secrets, clock) = (ports.secrets.clone(), ports.clock.clone());
        Self {
            authenticate: Authenticate::new(
                secrets.clone(),
                store.clone(),
                ports.access.clone(),
                clock.clone(),
                entropy.clone(),
                secret_name,
            )
            .with_keys(store.clone()),
            access: ManageAccess::new(
                store.clone(),
                ports.access.clone(),
                entropy.clone(),
                clock.clone(),
            ),
            limits: None,
            instruments: QueryInstruments::new(ports.groups.clone(), clock.clone()),
            products: ManageProducts::new(
                store.clone(),
                ports.access.clone(),
                entropy.clone(),
                clock.clone(),
            ),
            grants: ManageGrants::new(store, ports.access.clone(), entropy.clone(), clock),
            dead_letters: ManageDeadLetters::new(queues.clone(), queues),
            cursors: Cursors::new(secrets, secret_name),
            entropy,
            requests: Arc::default(),
            metrics: None,
            history: QueryHistory::new(ports, world.0, world.1, secret_name),
        }
    }
}

/// Writes all counters in Prometheus's text format.
pub type Metrics = Box<dyn Fn() -> String + Send + Sync>;

/// What a handler answers in JSON only.
pub(crate) type Answer<T> = Result<Json<T>, Refusal>;

/// From where a request came, as the platform says; nothing that a client can write.
#[derive(Clone, Debug)]
pub struct ClientAddress(pub String);

/// The id of a request that the platform gave.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// The routes that ask for a token. On AWS they lie behind the authorizer.
pub(crate) fn closed() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(tickets::issue))
        .routes(routes!(instruments::instruments))
        .routes(routes!(bars::bars))
        .routes(routes!(signals::signals))
        .routes(routes!(chains::chain))
        .routes(routes!(products::list))
        .routes(routes!(
            products::show,
            products::create,
            products::publish,
            products::retire
        ))
        .routes(routes!(grants::list))
        .routes(routes!(grants::give, grants::take_back))
        .routes(routes!(access::keys, access::create_key))
        .routes(routes!(access::revoke_key))
        .routes(routes!(access::revocations, access::revoke))
        .routes(routes!(access::bans))
        .routes(routes!(access::lift_ban))
        .routes(routes!(access::audit))
        .routes(routes!(dead_letters::list, dead_letters::redrive))
        .routes(routes!(dead_letters::show))
}

/// The routes that ask for nothing.
pub(crate) fn open() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(document::json))
        .routes(routes!(document::page))
        .routes(routes!(socket_document::json))
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let (closed, _) = closed().split_for_parts();
    let (open, _) = open().split_for_parts();
    open.merge(closed.route_layer(from_fn_with_state(api.clone(), authenticate)))
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(api.clone(), guard))
        .with_state(api)
}

/// Bounds on all requests; an id, headers and the one shape of errors for all answers.
async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let given = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let id = given.or_else(|| {
        let bytes = api.entropy.bytes().ok()?;
        Some(URL_SAFE_NO_PAD.encode(&bytes[..REQUEST_ID_BYTES]))
    });
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let route = route.as_deref().unwrap_or("none");
    let span = tracing::info_span!("request", id = id.as_deref(), method = %request.method(), route);
    let began = Instant::now();
    let response = match bounded(&request) {
        Ok(()) => next.run(request).instrument(span.clone()).await,
        Err(refusal) => refusal.into_response(),
    };
    let mut response = finish(response, id.as_deref());
    let (status, seconds) = (response.status().as_u16(), began.elapsed().as_secs_f64());
    tracing::debug!(parent: &span, status, seconds, "answered");
    api.requests.observe(route, status, seconds);
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn bounded(request: &Request) -> Result<(), Refusal> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|bytes: usize| bytes > body_bytes_max) {
        return Err(ErrorCode::MessageTooLarge.into());
    }
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |address| address.as_str().len());
    if address > address_bytes_max {
        return Err(ErrorCode::AddressTooLong.into());
    }
    let headers = request.headers().iter();
    let bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > headers_bytes_max {
        let message = "The headers are larger than is taken.";
        return Err(ErrorBody::with_message(ErrorCode::MessageTooLarge, message).into());
    }
    Ok(())
}

async fn authenticate(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let header = only(request.headers(), &header::AUTHORIZATION)
        .map_err(|()| ErrorCode::TokenInvalid)?
        .map(str::to_owned);
    let address = request.extensions().get::<ClientAddress>();
    let address = address.map(|address| address.0.clone());
    let guarded = api.limits.as_ref().zip(address.as_deref());
    if let Some((limits, address)) = guarded {
        limits.check_address(address).await?;
    }
    let found = api.authenticate.principal(header.as_deref()).await;
    if let (Err(refused), Some((limits, address))) = (&found, guarded) {
        limits.note_attempt(address, refused.code).await;
    }
    let principal = found?;
    let left = match &api.limits {
        None => None,
        Some(limits) => {
            let Identity { user, tier, .. } = &principal.identity;
            let windows = tier.limits().requests();
            match limits.take(Counted::Requests(user), &windows).await {
                Ok(left) => Some((windows, left.remaining, left.after_s)),
                Err(fault) => {
                    let refusal = Refusal::from(fault);
                    let after_s = refusal.retry_after_s();
                    let mut response = refusal.into_response();
                    if let Some(after_s) = after_s {
                        tell_limits(&mut response, &windows, 0, after_s);
                    }
                    return Ok(response);
                }
            }
        }
    };
    if let Some(scope) = scope_of(request.uri().path()) {
        principal.check_scope(scope)?;
    }
    request.extensions_mut().insert(principal);
    let mut response = next.run(request).await;
    if let Some((windows, remaining, after_s)) = left {
        tell_limits(&mut response, &windows, remaining, after_s);
    }
    Ok(response)
}

/// What a proof must be good for, where that is not the admins' own.
fn scope_of(path: &str) -> Option<Scope> {
    let first = path.strip_prefix("/v1/")?.split('/').next()?;
    match first {
        "tickets" => Some(Scope::Stream),
        "instruments" | "bars" | "signals" | "chains" => Some(Scope::Read),
        // Checked with the role.
        _ => None,
    }
}

/// The limits and what is left of them (draft-ietf-httpapi-ratelimit-headers-10).
fn tell_limits(response: &mut Response, windows: &[Window], remaining: u32, after_s: u32) {
    let policy: Vec<String> = windows
        .iter()
        .map(|window| format!("\"{}s\";q={};w={}", window.seconds, window.limit, window.seconds))
        .collect();
    let headers = response.headers_mut();
    let texts = [
        ("ratelimit-policy", policy.join(", ")),
        ("ratelimit", format!("\"requests\";r={remaining};t={after_s}")),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

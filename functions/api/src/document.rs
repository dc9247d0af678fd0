//! The OpenAPI document, made from the routes.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use tickwire_wire::HttpError;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema};

use crate::answer::{Form, tagged};
use crate::page;
use crate::refusal::Refusal;
use crate::router::{closed, open};

/// Name of the one way to prove who asks.
const BEARER: &str = "bearer";
/// Nothing but the page's own style is loaded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// What may go wrong with any request.
const ERRORS: [(u16, &str); 6] = [
    (400, "A parameter or the body is wrong: the message says which."),
    (406, "Accept takes no form that there is."),
    (413, "The body is larger than is taken."),
    (414, "The address is longer than is taken."),
    (500, "Something failed here; it has been noted."),
    (503, "A part this needs is not available just now."),
];
/// What may go wrong beside that where a token is asked for.
const ERRORS_CLOSED: [(u16, &str); 4] = [
    (401, "No token, or one that is not accepted."),
    (403, "The reader may not see or do this."),
    (404, "What is asked for is not known here."),
    (
        429,
        "The tier's rate of requests is reached, or too many attempts from this address failed.",
    ),
];

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(document);
static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_pretty_json().unwrap_or_default());
static PAGE: LazyLock<String> = LazyLock::new(|| page::write(&DOCUMENT));

/// The OpenAPI document.
pub fn document() -> OpenApi {
    let (_, mut document) = open().split_for_parts();
    let (_, mut behind_the_token) = closed().split_for_parts();
    for operation in operations(&mut document.paths) {
        errors(operation, &ERRORS);
    }
    for operation in operations(&mut behind_the_token.paths) {
        operation.security = Some(vec![SecurityRequirement::new::<_, _, &str>(BEARER, [])]);
        errors(operation, &ERRORS);
        errors(operation, &ERRORS_CLOSED);
    }
    document.merge(behind_the_token);
    let info = InfoBuilder::new()
        .title("Tickwire")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Market ticks go in; entitled, ordered, traceable signals come out. Every error has one shape, \
             and names the request by its id. A page's `next` goes on where it ended, for the same question only.",
        ))
        .build();
    let mut document = OpenApiBuilder::from(document).info(info).build();
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(HttpError::name().into_owned(), HttpError::schema())];
    HttpError::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let token = SecurityScheme::Http(
        Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build(),
    );
    components
        .security_schemes
        .insert(BEARER.to_owned(), token.into());
    document
}

/// All operations of all paths.
fn operations(paths: &mut Paths) -> impl Iterator<Item = &mut Operation> {
    paths.paths.values_mut().flat_map(|item| {
        [&mut item.get, &mut item.put, &mut item.post, &mut item.delete]
            .into_iter()
            .flatten()
    })
}

/// Adds errors that the operation does not name itself.
fn errors(operation: &mut Operation, errors: &[(u16, &str)]) {
    for (status, description) in errors {
        let response = ResponseBuilder::new()
            .description(*description)
            .content(
                "application/json",
                Content::new(Some(Ref::from_schema_name(HttpError::name()))),
            )
            .build();
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_string())
            .or_insert_with(|| response.into());
    }
}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "document",
    tag = "operation",
    responses(
        (status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it already."),
    ),
)]
pub(crate) async fn json(headers: HeaderMap) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Json])?;
    Ok(tagged(form, TEXT.clone().into_bytes(), &headers))
}

/// This document as a page to read
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "page",
    tag = "operation",
    responses(
        (status = 200, description = "A page without scripts.", content_type = "text/html", body = String),
        (status = 304, description = "The reader has it already."),
    ),
)]
pub(crate) async fn page(headers: HeaderMap) -> Result<Response, Refusal> {
    let form = Form::wanted(&headers, &[Form::Html])?;
    let policy: [(HeaderName, &str); 1] = [(header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((policy, tagged(form, PAGE.clone().into_bytes(), &headers)).into_response())
}

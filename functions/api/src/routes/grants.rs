//! `/v1/grants`: who may read which product, for admins.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use tickwire_entitlements::Grant;
use tickwire_service::audit::allow;
use tickwire_wire::{GrantRequest, GrantRow, GrantsPage};

use crate::answer::Form;
use crate::question::{Asker, Named, body};
use crate::router::{Answer, Api};

/// All grants of a user
///
/// For admins. Ended ones are included.
#[utoipa::path(
    get,
    path = "/v1/grants/{user}",
    operation_id = "grants",
    tag = "access",
    params(("user" = String, Path, description = "The user.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    responses((status = 200, description = "The grants.", body = GrantsPage)),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    headers: HeaderMap,
) -> Answer<GrantsPage> {
    Form::wanted(&headers, &[Form::Json])?;
    let user = path?;
    let grants = api.grants.list(&admin, &user).await?;
    let grants = grants.into_iter().map(GrantRow::from).collect();
    Ok(Json(GrantsPage { user, grants }))
}

/// Grant a product
///
/// For admins. In place of the grant that the user has of the product, and of its newest version.
#[utoipa::path(
    put,
    path = "/v1/grants/{user}/{product}",
    operation_id = "give_grant",
    tag = "access",
    params(
        ("user" = String, Path, description = "The user.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64),
        ("product" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64),
    ),
    request_body = GrantRequest,
    responses(
        (status = 200, description = "The grant as it stands.", body = GrantRow),
        (status = 415, description = "The body is not application/json.", body = tickwire_wire::HttpError),
    ),
)]
pub(crate) async fn give(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<(String, String)>,
    headers: HeaderMap,
    given: Result<Json<GrantRequest>, JsonRejection>,
) -> Answer<GrantRow> {
    // Who may not do this is not told what is wrong with the body.
    allow(&admin, "give_grant")?;
    Form::wanted(&headers, &[Form::Json])?;
    let (user, product) = path?;
    let GrantRequest { from, until, trial } = body(given)?;
    let grant = Grant {
        user,
        product,
        from: from.unwrap_or_else(|| api.grants.now()),
        until,
        trial,
        // Told when it is given.
        version: 0,
    };
    Ok(Json(api.grants.give(&admin, &grant).await?.into()))
}

/// End a grant
///
/// For admins. It ends now and stays in the list.
#[utoipa::path(
    delete,
    path = "/v1/grants/{user}/{product}",
    operation_id = "take_back_grant",
    tag = "access",
    params(
        ("user" = String, Path, description = "The user.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64),
        ("product" = String, Path, description = "The product.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64),
    ),
    responses((status = 200, description = "The grant as it ended.", body = GrantRow)),
)]
pub(crate) async fn take_back(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<(String, String)>,
    headers: HeaderMap,
) -> Answer<GrantRow> {
    Form::wanted(&headers, &[Form::Json])?;
    let (user, product) = path?;
    Ok(Json(api.grants.take_back(&admin, &user, &product).await?.into()))
}

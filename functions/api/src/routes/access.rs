//! `/v1/keys`, `/v1/revocations`, `/v1/bans`, `/v1/audit`: what admins give and take back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use serde::Deserialize;
use tickwire_entitlements::{Banned, Revocation, Revoked};
use tickwire_service::audit::allow;
use tickwire_service::authenticate::{ApiKey, Scope, Scopes, is_prefix};
use tickwire_wire::{
    AuditLine, AuditPage, BanRow, BansPage, KeyBody, KeyRequest, KeyRow, KeysPage, RevocationRequest,
    RevocationRow, RevocationsPage,
};

use crate::answer::Form;
use crate::question::{Asker, Named, Parameters, body, limit};
use crate::refusal::Refusal;
use crate::router::{Answer, Api};

/// Most lines of the audit in one answer.
const AUDIT_LINES_MAX: usize = 1_000;

fn key_row(key: ApiKey) -> KeyRow {
    KeyRow {
        prefix: key.prefix,
        user: key.user,
        tier: key.tier,
        scopes: key.scopes.list().iter().map(Scope::to_string).collect(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        used_at: key.used_at,
    }
}

fn revocation_row(revocation: Revocation) -> RevocationRow {
    let Revocation { of, at, until } = revocation;
    let (user, token) = match of {
        Revoked::User(user) => (Some(user), None),
        Revoked::Proof(id) => (None, Some(id)),
    };
    RevocationRow {
        user,
        token,
        at,
        until,
    }
}

/// Whose keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysGiven {
    user: Option<String>,
}

/// API keys of a user
///
/// For admins. Ended ones are included; none is told.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "keys",
    tag = "access",
    params(("user" = String, Query, description = "The user.", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    responses((status = 200, description = "The keys.", body = KeysPage)),
)]
pub(crate) async fn keys(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    parameters: Result<Parameters<KeysGiven>, Refusal>,
    headers: HeaderMap,
) -> Answer<KeysPage> {
    allow(&admin, "list_keys")?;
    Form::wanted(&headers, &[Form::Json])?;
    let user = parameters?.given.user;
    let user = user.ok_or_else(|| Refusal::parameter("user is missing: name whose keys."))?;
    let keys = api.access.keys(&admin, &user).await?;
    let keys = keys.into_iter().map(key_row).collect();
    Ok(Json(KeysPage { keys }))
}

/// Make an API key
///
/// For admins. The key is told in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "create_key",
    tag = "access",
    request_body = KeyRequest,
    responses(
        (status = 200, description = "The key.", body = KeyBody),
        (status = 415, description = "The body is not application/json.", body = tickwire_wire::HttpError),
    ),
)]
pub(crate) async fn create_key(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    headers: HeaderMap,
    given: Result<Json<KeyRequest>, JsonRejection>,
) -> Answer<KeyBody> {
    allow(&admin, "create_key")?;
    Form::wanted(&headers, &[Form::Json])?;
    let KeyRequest {
        user,
        tier,
        scopes,
        expires_at,
    } = body(given)?;
    let scopes: Vec<Scope> = scopes
        .iter()
        .map(|scope| scope.parse())
        .collect::<Result<_, ()>>()
        .map_err(|()| Refusal::parameter("scopes are some of read, stream, manage."))?;
    let what = (user.as_str(), tier, Scopes::of(&scopes));
    let (key, text) = api.access.create_key(&admin, what, expires_at).await?;
    Ok(Json(KeyBody {
        key: text.expose().to_owned(),
        row: key_row(key),
    }))
}

/// Take an API key back
///
/// For admins. It opens nothing any longer, and sockets that were opened with it end.
#[utoipa::path(
    delete,
    path = "/v1/keys/{prefix}",
    operation_id = "revoke_key",
    tag = "access",
    params(("prefix" = String, Path, description = "The key's prefix.", pattern = "^[0-9a-f]{16}$")),
    responses((status = 200, description = "The key as it ended.", body = KeyRow)),
)]
pub(crate) async fn revoke_key(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<String>,
    headers: HeaderMap,
) -> Answer<KeyRow> {
    allow(&admin, "revoke_key")?;
    Form::wanted(&headers, &[Form::Json])?;
    let prefix = path?;
    if !is_prefix(&prefix) {
        return Err(Refusal::parameter("prefix is not one: 16 of 0-9 a-f."));
    }
    Ok(Json(key_row(api.access.revoke_key(&admin, &prefix).await?)))
}

/// What is taken back
///
/// For admins.
#[utoipa::path(
    get,
    path = "/v1/revocations",
    operation_id = "revocations",
    tag = "access",
    responses((status = 200, description = "All in force.", body = RevocationsPage)),
)]
pub(crate) async fn revocations(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    headers: HeaderMap,
) -> Answer<RevocationsPage> {
    allow(&admin, "list_revocations")?;
    Form::wanted(&headers, &[Form::Json])?;
    let revocations = api.access.revocations(&admin).await?;
    let revocations = revocations.into_iter().map(revocation_row).collect();
    Ok(Json(RevocationsPage { revocations }))
}

/// Take back a token, or all that a user was given
///
/// For admins. In force everywhere within 5 s, on open sockets too.
#[utoipa::path(
    post,
    path = "/v1/revocations",
    operation_id = "revoke",
    tag = "access",
    request_body = RevocationRequest,
    responses(
        (status = 200, description = "The revocation.", body = RevocationRow),
        (status = 415, description = "The body is not application/json.", body = tickwire_wire::HttpError),
    ),
)]
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    headers: HeaderMap,
    given: Result<Json<RevocationRequest>, JsonRejection>,
) -> Answer<RevocationRow> {
    allow(&admin, "revoke")?;
    Form::wanted(&headers, &[Form::Json])?;
    let revocation = match body(given)? {
        RevocationRequest {
            user: Some(user),
            token: None,
        } => api.access.revoke_user(&admin, &user).await?,
        RevocationRequest {
            user: None,
            token: Some(token),
        } => api.access.revoke_token(&admin, &token).await?,
        _ => return Err(Refusal::parameter("name one of user and token.")),
    };
    Ok(Json(revocation_row(revocation)))
}

/// Who is banned from what
///
/// For admins.
#[utoipa::path(
    get,
    path = "/v1/bans",
    operation_id = "bans",
    tag = "access",
    responses((status = 200, description = "All in force.", body = BansPage)),
)]
pub(crate) async fn bans(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    headers: HeaderMap,
) -> Answer<BansPage> {
    allow(&admin, "list_bans")?;
    Form::wanted(&headers, &[Form::Json])?;
    let bans = api.access.bans(&admin).await?.into_iter().map(|ban| {
        let (from, who) = match ban.of {
            Banned::Address(address) => ("address", address),
            Banned::Changes(user) => ("changes", user),
        };
        BanRow {
            from: from.to_owned(),
            who,
            reason: ban.reason,
            at: ban.at,
            until: ban.until,
        }
    });
    Ok(Json(BansPage { bans: bans.collect() }))
}

/// Lift a ban
///
/// For admins. It lifts by itself after five minutes.
#[utoipa::path(
    delete,
    path = "/v1/bans/{from}/{who}",
    operation_id = "lift_ban",
    tag = "access",
    params(
        ("from" = String, Path, description = "`address` or `changes`."),
        ("who" = String, Path, description = "The address or the user.", max_length = 64),
    ),
    responses((status = 200, description = "What is left.", body = BansPage)),
)]
pub(crate) async fn lift_ban(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    Named(path): Named<(String, String)>,
    headers: HeaderMap,
) -> Answer<BansPage> {
    allow(&admin, "lift_ban")?;
    Form::wanted(&headers, &[Form::Json])?;
    let (from, who) = path?;
    let of = match from.as_str() {
        "address" => Banned::Address(who),
        "changes" => Banned::Changes(who),
        _ => return Err(Refusal::parameter("a ban is from address or changes.")),
    };
    api.access.lift_ban(&admin, &of).await?;
    bans(State(api), Asker(admin), headers).await
}

/// Which day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditGiven {
    day: Option<String>,
    limit: Option<String>,
}

/// Who changed what
///
/// For admins. The newest changes of a day of UTC.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "audit",
    tag = "access",
    params(
        ("day" = String, Query, description = "The day.", pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        ("limit" = Option<i64>, Query, description = "How many.", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "The changes.", body = AuditPage)),
)]
pub(crate) async fn audit(
    State(api): State<Arc<Api>>,
    Asker(admin): Asker,
    parameters: Result<Parameters<AuditGiven>, Refusal>,
    headers: HeaderMap,
) -> Answer<AuditPage> {
    allow(&admin, "read_audit")?;
    Form::wanted(&headers, &[Form::Json])?;
    let given = parameters?.given;
    let day = given.day.ok_or_else(|| Refusal::parameter("day is missing."))?;
    let limit = limit(given.limit.as_deref(), 100, AUDIT_LINES_MAX)?;
    let rows = api.access.audit(&admin, &day, limit).await?;
    let lines = rows.into_iter().map(|row| AuditLine {
        at: row.at,
        by: row.by,
        action: row.action,
        detail: row.detail,
    });
    Ok(Json(AuditPage {
        lines: lines.collect(),
    }))
}

//! API keys, revocations, bans, the audit. Times are nanoseconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};
use tickwire_entitlements::Tier;
use tickwire_market::UnixNanos;

/// What an API key is to be: body of a POST.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// The user whose key it is.
    pub user: String,
    /// The user's tier.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub tier: Tier,
    /// Some of `read`, `stream`, `manage`.
    pub scopes: Vec<String>,
    /// From when on it opens nothing; within 366 days.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 1))]
    pub expires_at: UnixNanos,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyRow {
    /// Names it.
    pub prefix: String,
    /// The user.
    pub user: String,
    /// The user's tier.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub tier: Tier,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub created_at: UnixNanos,
    /// From when on it opens nothing.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub expires_at: UnixNanos,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub revoked_at: Option<UnixNanos>,
    /// When it was last used, to five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub used_at: Option<UnixNanos>,
}

/// A key that was made: the only time at which it is told.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyBody {
    /// For the header `Authorization: Bearer KEY`.
    pub key: String,
    /// What is kept of it.
    pub row: KeyRow,
}

/// All keys of a user, ended ones included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeysPage {
    /// By age, oldest first.
    pub keys: Vec<KeyRow>,
}

/// What is to be taken back, one of both: body of a POST.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevocationRequest {
    /// All that this user was given up to now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The token with this `jti`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationRow {
    /// All that this user was given up to then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The token with this `jti`, or the API key with this prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: UnixNanos,
    /// From when on it is forgotten, as nothing of it can hold any longer.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub until: UnixNanos,
}

/// All that is taken back and not forgotten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationsPage {
    /// Newest first.
    pub revocations: Vec<RevocationRow>,
}

/// Who is banned from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BanRow {
    /// `address`, from proving who asks, or `changes`, from changing subscriptions.
    pub from: String,
    /// The address or the user.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: UnixNanos,
    /// Until when.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub until: UnixNanos,
}

/// All bans in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BansPage {
    /// In no order.
    pub bans: Vec<BanRow>,
}

/// Who changed what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditLine {
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = i64))]
    pub at: UnixNanos,
    /// Who.
    pub by: String,
    /// What kind of change.
    pub action: String,
    /// What.
    pub detail: String,
}

/// The newest changes of a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// Newest first.
    pub lines: Vec<AuditLine>,
}

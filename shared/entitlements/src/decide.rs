//! Whether an identity may read a stream.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tickwire_market::UnixNanos;
use tickwire_streams::{Class, StreamKey};

use crate::{Grant, GrantsRead, Identity, Product, Tier};

/// The lowest tier that may read products on sale.
pub const TIER_OF_MARKETPLACE: Tier = Tier::Standard;
/// The lowest tier that may read option Greeks.
pub const TIER_OF_GREEKS: Tier = Tier::Premium;
/// The lowest tier that may have streams of its own.
pub const TIER_OF_PERSONAL: Tier = Tier::Premium;

/// The names in an expression that make it one over option Greeks and volatilities.
pub const GREEKS: [&str; 11] = [
    "iv",
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
    "greeks",
    "chain",
    "atm_iv",
    "skew_25d",
    "butterfly_25d",
];

/// Allowed, or not and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The stream may be read.
    Allow,
    /// It may not.
    Deny(Denial),
}

impl Decision {
    /// Whether the stream may be read.
    pub fn is_allowed(self) -> bool {
        self == Self::Allow
    }
}

/// Why a stream may not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", code.reason())]
pub struct Denial {
    /// The reason.
    pub code: DenialCode,
    /// The lowest tier that this stream is open to, where the tier was too low.
    pub required: Option<Tier>,
}

/// The reasons for a denial. Their texts are part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialCode {
    /// The tier is too low.
    EntitlementRequired,
    /// Nobody granted the product to this user.
    GrantRequired,
    /// The grant has ended.
    GrantExpired,
    /// The grant has not begun.
    GrantNotStarted,
    /// There is no such product any more, or its version that the grant opens does not include the stream.
    NotInProduct,
    /// The product is retired.
    ProductRetired,
    /// The grants could not be read.
    EntitlementUnreadable,
    /// A personal stream of someone else.
    NotYours,
    /// The identity no longer holds.
    IdentityExpired,
}

impl DenialCode {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::EntitlementRequired,
        Self::GrantRequired,
        Self::GrantExpired,
        Self::GrantNotStarted,
        Self::NotInProduct,
        Self::ProductRetired,
        Self::EntitlementUnreadable,
        Self::NotYours,
        Self::IdentityExpired,
    ];

    /// The code as sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EntitlementRequired => "entitlement_required",
            Self::GrantRequired => "grant_required",
            Self::GrantExpired => "grant_expired",
            Self::GrantNotStarted => "grant_not_started",
            Self::NotInProduct => "not_in_product",
            Self::ProductRetired => "product_retired",
            Self::EntitlementUnreadable => "entitlement_unreadable",
            Self::NotYours => "not_yours",
            Self::IdentityExpired => "identity_expired",
        }
    }

    /// The reason for a reader, with what to do.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::EntitlementRequired => "the stream needs a higher tier: upgrade",
            Self::GrantRequired => "the stream needs a grant for its product: buy it or ask for a trial",
            Self::GrantExpired => "the grant for the product has ended: renew it",
            Self::GrantNotStarted => "the grant for the product has not begun: subscribe when it has",
            Self::NotInProduct => "the version of the product that was granted does not include the stream",
            Self::ProductRetired => "the product is retired",
            Self::EntitlementUnreadable => "the grants cannot be read at the moment: try again later",
            Self::NotYours => "the stream is personal and belongs to another user",
            Self::IdentityExpired => "the identity has expired: authenticate again",
        }
    }

    /// Whether the same request may succeed later without anything being bought.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::EntitlementUnreadable)
    }
}

impl fmt::Display for DenialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether `identity` may read the stream `key` at `at`, given the user's `grants`.
///
/// | class | tier | and |
/// | --- | --- | --- |
/// | public, common | any | |
/// | marketplace | standard | a grant for the product that holds at `at`, and a pattern of the product that matches |
/// | personal | premium | the stream is the user's own |
/// | any but public, over [`GREEKS`] | premium | what its class asks for |
///
/// Greeks are looked for whatever the instrument is: an expression on an index
/// may reach the options of its group.
pub fn decide(identity: &Identity, key: &StreamKey, grants: &GrantsRead, at: UnixNanos) -> Decision {
    match judge(identity, key, grants, at) {
        Ok(()) => Decision::Allow,
        Err(denial) => Decision::Deny(denial),
    }
}

fn judge(identity: &Identity, key: &StreamKey, grants: &GrantsRead, at: UnixNanos) -> Result<(), Denial> {
    if at >= identity.expires_at {
        return Err(deny(DenialCode::IdentityExpired));
    }
    let required = tier_of(key);
    if identity.tier < required {
        return Err(Denial {
            code: DenialCode::EntitlementRequired,
            required: Some(required),
        });
    }
    match &key.class {
        Class::Public | Class::Common => Ok(()),
        Class::Marketplace(product) => match grants {
            GrantsRead::Read { grants, products } => {
                let granted = judge_grants(&identity.user, product, grants, at)?;
                judge_product(
                    products.iter().find(|known| *known.name == **product),
                    granted,
                    key,
                )
            }
            GrantsRead::Unreadable => Err(deny(DenialCode::EntitlementUnreadable)),
        },
        Class::Personal(user) if **user == *identity.user => Ok(()),
        Class::Personal(_) => Err(deny(DenialCode::NotYours)),
    }
}

/// The lowest tier that the stream is open to.
fn tier_of(key: &StreamKey) -> Tier {
    let of_class = match key.class {
        Class::Public => return Tier::Free,
        Class::Common => Tier::Free,
        Class::Marketplace(_) => TIER_OF_MARKETPLACE,
        Class::Personal(_) => TIER_OF_PERSONAL,
    };
    if names_greek(&key.stream.expression) {
        of_class.max(TIER_OF_GREEKS)
    } else {
        of_class
    }
}

/// The grant by which a user has the product.
fn judge_grants<'a>(
    user: &str,
    product: &str,
    grants: &'a [Grant],
    at: UnixNanos,
) -> Result<&'a Grant, Denial> {
    let mut best = DenialCode::GrantRequired;
    for grant in grants
        .iter()
        .filter(|grant| grant.user == user && grant.product == product)
    {
        if grant.is_valid(at) {
            return Ok(grant);
        }
        if at < grant.from {
            best = DenialCode::GrantNotStarted;
        } else if best == DenialCode::GrantRequired {
            best = DenialCode::GrantExpired;
        }
    }
    Err(deny(best))
}

fn judge_product(product: Option<&Arc<Product>>, granted: &Grant, key: &StreamKey) -> Result<(), Denial> {
    match product {
        Some(product) if product.retired_at.is_some() => Err(deny(DenialCode::ProductRetired)),
        Some(product) if product.includes(granted.version, key) => Ok(()),
        _ => Err(deny(DenialCode::NotInProduct)),
    }
}

/// Whether a name of the expression is one of [`GREEKS`], in any case: a
/// spelling that is not canonical must not open what the canonical one closes.
fn names_greek(expression: &str) -> bool {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|name| GREEKS.iter().any(|greek| name.eq_ignore_ascii_case(greek)))
}

fn deny(code: DenialCode) -> Denial {
    Denial { code, required: None }
}

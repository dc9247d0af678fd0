//! Which of some streams a user may read.

use std::sync::Arc;

use tickwire_entitlements::{
    Decision, Denial, DenialCode, GrantsRead, Identity, TIER_OF_MARKETPLACE, decide,
};
use tickwire_streams::{Class, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::ports::{Clock, Grants};

/// Decides over streams, with the user's grants as they are stored.
#[derive(Clone)]
pub struct Entitle {
    grants: Arc<dyn Grants>,
    clock: Arc<dyn Clock>,
}

impl Entitle {
    /// Over its ports.
    pub fn new(grants: Arc<dyn Grants>, clock: Arc<dyn Clock>) -> Self {
        Self { grants, clock }
    }

    /// A decision a stream, in their order. Grants are read once, and only where
    /// one can matter; that they cannot be read denies what needs one.
    pub async fn decide(&self, identity: &Identity, keys: &[&StreamKey]) -> Vec<Decision> {
        let matters = identity.tier >= TIER_OF_MARKETPLACE
            && keys.iter().any(|key| matches!(key.class, Class::Marketplace(_)));
        let grants = if matters {
            self.read(&identity.user).await
        } else {
            GrantsRead::Unreadable
        };
        let at = self.clock.now();
        keys.iter()
            .map(|key| decide(identity, key, &grants, at))
            .collect()
    }

    async fn read(&self, user: &str) -> GrantsRead {
        match self.grants.grants(user).await {
            Ok(grants) => GrantsRead::Read(grants),
            Err(error) => {
                tracing::warn!(%error, "grants cannot be read: streams of products are denied");
                GrantsRead::Unreadable
            }
        }
    }
}

/// What a reader who was denied is told: with the tier he has and the one he needs, where that is why.
pub(crate) fn denied(denial: &Denial, identity: &Identity) -> ErrorBody {
    let required = denial.required.map(|tier| tier.to_string());
    let body = ErrorBody::with_message(error_code(denial.code), denial.code.reason());
    ErrorBody {
        tier: required.is_some().then_some(identity.tier),
        required,
        ..body
    }
}

/// A denial's place in the table of error codes.
pub const fn error_code(code: DenialCode) -> ErrorCode {
    match code {
        DenialCode::EntitlementRequired => ErrorCode::EntitlementRequired,
        DenialCode::GrantRequired | DenialCode::GrantExpired | DenialCode::GrantNotStarted => {
            ErrorCode::GrantRequired
        }
        DenialCode::EntitlementUnreadable => ErrorCode::EntitlementUnreadable,
        DenialCode::NotYours => ErrorCode::NotYours,
        DenialCode::IdentityExpired => ErrorCode::SessionExpired,
    }
}

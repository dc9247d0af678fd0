//! Which of some streams a user may read.

use std::sync::Arc;

use tickwire_entitlements::{
    Decision, Denial, DenialCode, GrantsRead, Identity, TIER_OF_MARKETPLACE, decide,
};
use tickwire_streams::{Class, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::access::Access;

/// Decides over streams, with the user's grants as they are known.
#[derive(Clone)]
pub struct Entitle {
    access: Access,
}

impl Entitle {
    /// With what a process knows.
    pub fn new(access: Access) -> Self {
        Self { access }
    }

    /// A decision a stream, in their order. Grants are looked at only where one can matter, and
    /// read anew before anyone is denied by them; that they cannot be read denies what needs one.
    pub async fn decide(&self, identity: &Identity, keys: &[&StreamKey]) -> Vec<Decision> {
        let grants = self.grants(identity, keys).await;
        let at = self.access.now();
        keys.iter()
            .map(|key| decide(identity, key, &grants, at))
            .collect()
    }

    /// The grants by which streams are to be judged.
    pub(crate) async fn grants(&self, identity: &Identity, keys: &[&StreamKey]) -> Arc<GrantsRead> {
        if !matter(identity, keys) {
            return Arc::new(GrantsRead::Unreadable);
        }
        if let Some(kept) = self.access.kept_grants_of(&identity.user).await {
            let at = self.access.now();
            let is_denied =
                |key: &&StreamKey| needs_grant(key) && !decide(identity, key, &kept, at).is_allowed();
            // Who was given a grant just now need not wait.
            if !keys.iter().any(is_denied) {
                return kept;
            }
        }
        self.access.read_grants_of(&identity.user).await
    }
}

/// Whether grants can matter.
fn matter(identity: &Identity, keys: &[&StreamKey]) -> bool {
    identity.tier >= TIER_OF_MARKETPLACE && keys.iter().any(|key| needs_grant(key))
}

fn needs_grant(key: &StreamKey) -> bool {
    matches!(key.class, Class::Marketplace(_))
}

/// What a reader who was denied is told: with the tier he has and the one he needs, where that is why.
pub(crate) fn denied(denial: &Denial, identity: &Identity) -> ErrorBody {
    let required = denial.required.map(|tier| tier.to_string().into());
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
        DenialCode::NotInProduct | DenialCode::ProductRetired => ErrorCode::NotInProduct,
        DenialCode::EntitlementUnreadable => ErrorCode::EntitlementUnreadable,
        DenialCode::NotYours => ErrorCode::NotYours,
        DenialCode::IdentityExpired => ErrorCode::SessionExpired,
    }
}

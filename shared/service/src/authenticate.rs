//! Who is there: signed tokens, and the one-time tickets that open sockets.
//!
//! A check that fails, or that fails to run, is a refusal. A refusal says one of
//! a few stable codes and nothing else.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tickwire_market::UnixNanos;
use tickwire_wire::{ErrorBody, ErrorCode};

use self::jwks::KeySet;
use crate::access::Access;
use crate::few::Few;
use crate::ports::{ApiKeys, Clock, Entropy, PortError, Secrets, TicketGrant, Tickets};

mod jwks;
mod key;
mod refused;
mod scope;
mod token;

pub use jwks::Issuer;
pub use key::{ApiKey, KEY_MARK, is_prefix};
pub use limits::{
    clock_skew_s_max, key_age_s_max, key_lifetime_s_max, key_set_age_s_max, key_set_last_good_s_max,
    key_set_pause_s, proof_id_bytes_max, secret_bytes_min, ticket_lifetime_s_max, token_bytes_max,
    token_lifetime_s_max,
};
pub use refused::{Refused, RefusedCode};
pub use scope::{Scope, Scopes};
pub use tickwire_entitlements::{Identity, Proof, Tier, is_user_name, user_bytes_max};
use token::names_another_key;
pub use token::{
    SignError, TOKEN_AUDIENCE, TOKEN_ISSUER, is_proof_id, sign_token, sign_token_of, verify_token,
};

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// Longest token that is looked at, in bytes.
    pub const token_bytes_max: usize = 2_048;
    /// Longest time from a token's `iat` to its `exp`, in seconds.
    pub const token_lifetime_s_max: i64 = 86_400;
    /// How far the clock of a token's issuer may be off, in seconds.
    pub const clock_skew_s_max: i64 = 5;
    /// Longest life of a ticket, in seconds.
    pub const ticket_lifetime_s_max: i64 = 60;
    /// Longest life of an API key, in seconds.
    pub const key_lifetime_s_max: i64 = 366 * 86_400;
    /// How long an API key is kept that nothing was heard of, in seconds.
    pub const key_age_s_max: i64 = 300;
    /// How long the keys of an issuer are kept, in seconds.
    pub const key_set_age_s_max: i64 = 300;
    /// How long the last good keys serve while they cannot be read, in seconds.
    pub const key_set_last_good_s_max: i64 = 3_600;
    /// Seconds between two readings of keys, whatever tokens come.
    pub const key_set_pause_s: i64 = 5;
    /// Longest id of a token, claim `jti`, in bytes.
    pub const proof_id_bytes_max: usize = 128;
    /// Shortest secret for signatures, in bytes: the output of the hash (RFC 7518, 3.2).
    pub const secret_bytes_min: usize = 32;
}

/// Name of the secret that signs tokens.
pub const JWT_KEY: &str = "jwt_key";

/// Length of a ticket's text: 32 bytes in base64url without padding.
const TICKET_TEXT_BYTES: usize = 43;

/// A text that lets its bearer in: printed as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one answer that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a token may be used for beside reading: claim `role`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing; the same as no claim.
    #[default]
    User,
    /// To offer products of one's own.
    Author,
    /// To manage the access of others.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Author, Self::Admin];

    /// The one spelling: `user`, `author`, `admin`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// Who asks, and in which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub identity: Identity,
    /// In which role.
    pub role: Role,
    /// What the proof may be used for.
    pub scopes: Scopes,
}

impl Principal {
    /// Whether the proof may be used so.
    ///
    /// # Errors
    /// When it may not.
    pub fn check_scope(&self, scope: Scope) -> Result<(), ErrorBody> {
        if self.scopes.include(scope) {
            return Ok(());
        }
        let message = format!("The key's scopes do not include {scope}.");
        Err(ErrorBody::with_message(ErrorCode::RoleRequired, message))
    }
}

/// Opens one socket, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What the client sends as `?ticket=`.
    pub text: SecretText,
    /// From when on it opens nothing.
    pub expires_at: UnixNanos,
}

/// Lets users in.
#[derive(Clone)]
pub struct Authenticate {
    secrets: Arc<dyn Secrets>,
    tickets: Arc<dyn Tickets>,
    access: Access,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    secret_name: Arc<str>,
    keys: Option<Arc<dyn ApiKeys>>,
    kept_keys: Few<String, KeptKey>,
    issuer: Option<KeySet>,
}

/// An API key as it was at an epoch.
#[derive(Clone)]
struct KeptKey {
    epoch: u64,
    read_at: UnixNanos,
    key: ApiKey,
}

/// API keys that are kept.
const KEYS_KEPT_MAX: usize = 10_000;

impl Authenticate {
    /// With API keys.
    #[must_use]
    pub fn with_keys(self, keys: Arc<dyn ApiKeys>) -> Self {
        Self {
            keys: Some(keys),
            ..self
        }
    }

    /// With another issuer, if there is one.
    #[must_use]
    pub fn of_issuer(self, issuer: Option<Issuer>) -> Self {
        match issuer {
            Some(issuer) => self.with_issuer(issuer),
            None => self,
        }
    }

    /// With another issuer, whose tokens are taken beside those of ours.
    #[must_use]
    pub fn with_issuer(self, issuer: Issuer) -> Self {
        let clock = self.clock.clone();
        Self {
            issuer: Some(KeySet::new(issuer, clock)),
            ..self
        }
    }

    /// Over its ports; `secret_name` names the secret that signs tokens.
    pub fn new(
        secrets: Arc<dyn Secrets>,
        tickets: Arc<dyn Tickets>,
        access: Access,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        secret_name: &str,
    ) -> Self {
        Self {
            secrets,
            tickets,
            access,
            clock,
            entropy,
            secret_name: secret_name.into(),
            keys: None,
            kept_keys: Few::new(KEYS_KEPT_MAX),
            issuer: None,
        }
    }

    /// Who sent a request with this `Authorization` header.
    pub async fn by_authorization(&self, header: Option<&str>) -> Result<Identity, Refused> {
        self.principal(header).await.map(|principal| principal.identity)
    }

    /// The same, and in which role.
    pub async fn principal(&self, header: Option<&str>) -> Result<Principal, Refused> {
        let token = bearer(header.ok_or(RefusedCode::TokenMissing)?).ok_or(RefusedCode::TokenMalformed)?;
        self.by_token(token).await
    }

    /// What a process knows of who was taken back.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Who the bearer of a token is.
    pub async fn by_token(&self, token: &str) -> Result<Principal, Refused> {
        let principal = match token.starts_with(KEY_MARK) {
            true => self.by_key(token).await?,
            false => self.verified(token).await?,
        };
        self.check_stands(&principal.identity).await?;
        Ok(principal)
    }

    /// Refuses an identity that was taken back.
    async fn check_stands(&self, identity: &Identity) -> Result<(), Refused> {
        match self.access.is_taken_back(identity).await.map_err(unavailable)? {
            true => Err(RefusedCode::IdentityRevoked.into()),
            false => Ok(()),
        }
    }

    /// Whose key it is. One that was seen before costs no call of the store.
    async fn by_key(&self, text: &str) -> Result<Principal, Refused> {
        let (prefix, secret) = key::parts(text).ok_or(RefusedCode::TokenMalformed)?;
        let keys = self.keys.as_ref().ok_or(RefusedCode::KeyUnknown)?;
        let epoch = self.access.epoch().await.map_err(unavailable)?;
        let now = self.clock.now();
        let kept = self.kept_keys.get(prefix).filter(|kept| {
            let age = now.nanos_since(kept.read_at);
            kept.epoch == epoch && (0..key_age_s_max * UnixNanos::PER_SECOND).contains(&age)
        });
        if let Some(kept) = kept {
            return kept.key.open(secret, now);
        }
        let key = keys.key(prefix).await.map_err(unavailable)?;
        let key = key.ok_or(RefusedCode::KeyUnknown)?;
        // Nothing is kept or noted before the secret was right.
        let principal = key.open(secret, now)?;
        if let Err(error) = keys.note_key_use(prefix, now).await {
            tracing::debug!(%error, "the use of a key could not be noted");
        }
        let read_at = now;
        self.kept_keys
            .insert(prefix.to_owned(), KeptKey { epoch, read_at, key });
        Ok(principal)
    }

    async fn verified(&self, token: &str) -> Result<Principal, Refused> {
        // Which way it goes; what is right is decided there, by the key alone.
        if let Some(issuer) = &self.issuer
            && token.len() <= token_bytes_max
            && let Ok(header) = jsonwebtoken::decode_header(token)
            && matches!(header.alg, Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA)
        {
            return issuer.verify(token, header.kid.as_deref()).await;
        }
        let secrets = self
            .secrets
            .secret(&self.secret_name)
            .await
            .map_err(unavailable)?;
        let principal = verify_token(&secrets, token, self.clock.now());
        let Err(Refused {
            code: RefusedCode::TokenForged,
        }) = principal
        else {
            return principal;
        };
        // It may be signed with a key that came after those held.
        let renewed = self.secrets.renewed_secret(&self.secret_name).await;
        let renewed = renewed.map_err(unavailable)?;
        let principal = match renewed.is_same_as(&secrets) {
            true => principal,
            false => verify_token(&renewed, token, self.clock.now()),
        };
        match principal {
            Err(Refused {
                code: RefusedCode::TokenForged,
            }) if names_another_key(&renewed, token) => Err(RefusedCode::SigningKeyUnknown.into()),
            principal => principal,
        }
    }

    /// Makes a ticket for `identity`. Only the hash of its text is stored.
    pub async fn issue_ticket(&self, identity: &Identity) -> Result<Ticket, Refused> {
        let now = self.clock.now();
        if now >= identity.expires_at {
            return Err(RefusedCode::IdentityExpired.into());
        }
        let expires_at = now
            .saturating_add(ticket_lifetime_s_max * UnixNanos::PER_SECOND)
            .min(identity.expires_at);
        let text = SecretText::new(URL_SAFE_NO_PAD.encode(self.entropy.bytes().map_err(unavailable)?));
        let grant = TicketGrant {
            user: identity.user.clone(),
            tier: identity.tier,
            expires_at,
            identity_expires_at: identity.expires_at,
            proof: identity.proof.clone(),
        };
        self.tickets
            .put_ticket(&hash(text.expose()), &grant)
            .await
            .map_err(unavailable)?;
        Ok(Ticket { text, expires_at })
    }

    /// Who the bearer of a ticket is. The ticket is spent whatever the answer.
    pub async fn take_ticket(&self, text: Option<&str>) -> Result<Identity, Refused> {
        let text = text
            .filter(|text| !text.is_empty())
            .ok_or(RefusedCode::TicketMissing)?;
        let well_formed = text.len() == TICKET_TEXT_BYTES && URL_SAFE_NO_PAD.decode(text).is_ok();
        if !well_formed {
            return Err(RefusedCode::TicketMalformed.into());
        }
        let grant = self.tickets.take_ticket(&hash(text)).await.map_err(unavailable)?;
        let grant = grant.ok_or(RefusedCode::TicketUnknown)?;
        // The store may delete late, so expiry is judged here, by the clock after the read.
        let now = self.clock.now();
        if now >= grant.identity_expires_at {
            return Err(RefusedCode::IdentityExpired.into());
        }
        if now >= grant.expires_at {
            return Err(RefusedCode::TicketExpired.into());
        }
        let identity = Identity {
            user: grant.user,
            tier: grant.tier,
            expires_at: grant.identity_expires_at,
            proof: grant.proof,
        };
        self.check_stands(&identity).await?;
        Ok(identity)
    }
}

/// The token of a header `Bearer TOKEN` (RFC 6750, 2.1; the scheme in any case).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start())
}

/// The name under which a ticket is stored: SHA-256 of its text, in base64url.
fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

fn unavailable(error: PortError) -> Refused {
    tracing::warn!(%error, "authentication is unavailable");
    RefusedCode::AuthenticationUnavailable.into()
}

/// An identity as authorizers hand it on: every value a text, which is what all
/// of the platform's interfaces keep as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityContext {
    /// The user.
    pub user: String,
    /// The user's tier.
    pub tier: String,
    /// End of the identity, in milliseconds since the epoch.
    pub expires_at_ms: String,
    /// Id of what proved it; empty where it has none.
    pub proof: String,
    /// When that was made, in milliseconds since the epoch.
    pub issued_at_ms: String,
}

impl From<&Identity> for IdentityContext {
    fn from(identity: &Identity) -> Self {
        Self {
            user: identity.user.clone(),
            tier: identity.tier.to_string(),
            expires_at_ms: identity.expires_at.millis().to_string(),
            proof: identity.proof.id.clone(),
            issued_at_ms: identity.proof.issued_at.millis().to_string(),
        }
    }
}

impl TryFrom<&IdentityContext> for Identity {
    type Error = Refused;

    /// Fails with `claim_invalid` where a value is not one that an authorizer of ours writes.
    fn try_from(context: &IdentityContext) -> Result<Self, Self::Error> {
        let tier = context
            .tier
            .parse::<Tier>()
            .map_err(|_| RefusedCode::ClaimInvalid)?;
        let millis = |text: &str| text.parse::<i64>().map_err(|_| RefusedCode::ClaimInvalid);
        let expires_at = UnixNanos::from_millis(millis(&context.expires_at_ms)?);
        let issued_at = UnixNanos::from_millis(millis(&context.issued_at_ms)?);
        if !is_user_name(&context.user) {
            return Err(RefusedCode::ClaimInvalid.into());
        }
        Ok(Self {
            user: context.user.clone(),
            tier,
            expires_at,
            proof: Proof {
                id: context.proof.clone(),
                issued_at,
            },
        })
    }
}

//! Who is there: signed tokens, and the one-time tickets that open sockets.
//!
//! A check that fails, or that fails to run, is a refusal. A refusal says one of
//! a few stable codes and nothing else.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tickwire_market::UnixNanos;

use crate::ports::{Clock, Entropy, PortError, Secrets, TicketGrant, Tickets};

mod refused;
mod token;

pub use limits::{
    clock_skew_s_max, secret_bytes_min, ticket_lifetime_s_max, token_bytes_max, token_lifetime_s_max,
};
pub use refused::{Refused, RefusedCode};
pub use tickwire_entitlements::{Identity, Tier, is_user_name, user_bytes_max};
pub use token::{SignError, TOKEN_AUDIENCE, TOKEN_ISSUER, sign_token, sign_token_of, verify_token};

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
    /// To manage the access of others.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::User, Self::Admin];

    /// The one spelling: `user`, `admin`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
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
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    secret_name: Arc<str>,
}

impl Authenticate {
    /// Over its ports; `secret_name` names the secret that signs tokens.
    pub fn new(
        secrets: Arc<dyn Secrets>,
        tickets: Arc<dyn Tickets>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        secret_name: &str,
    ) -> Self {
        Self {
            secrets,
            tickets,
            clock,
            entropy,
            secret_name: secret_name.into(),
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

    /// Who the bearer of a token is.
    pub async fn by_token(&self, token: &str) -> Result<Principal, Refused> {
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
        if renewed.is_same_as(&secrets) {
            return principal;
        }
        verify_token(&renewed, token, self.clock.now())
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
        Ok(Identity {
            user: grant.user,
            tier: grant.tier,
            expires_at: grant.identity_expires_at,
        })
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
}

impl From<&Identity> for IdentityContext {
    fn from(identity: &Identity) -> Self {
        Self {
            user: identity.user.clone(),
            tier: identity.tier.to_string(),
            expires_at_ms: identity.expires_at.millis().to_string(),
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
        let millis = context
            .expires_at_ms
            .parse::<i64>()
            .map_err(|_| RefusedCode::ClaimInvalid)?;
        if !is_user_name(&context.user) {
            return Err(RefusedCode::ClaimInvalid.into());
        }
        Ok(Self {
            user: context.user.clone(),
            tier,
            expires_at: UnixNanos::from_millis(millis),
        })
    }
}

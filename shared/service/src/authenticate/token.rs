//! Tokens: JWS compact, HS256, short-lived.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tickwire_entitlements::{Identity, Proof, Tier, is_user_name};
use tickwire_market::UnixNanos;

use super::{
    Principal, Refused, RefusedCode, Role, Scopes, SecretText, clock_skew_s_max, proof_id_bytes_max,
    secret_bytes_min, token_bytes_max, token_lifetime_s_max,
};
use crate::ports::{Secret, SecretVersions};

/// Claim `iss` of every token.
pub const TOKEN_ISSUER: &str = "tickwire";
/// Claim `aud` of every token.
pub const TOKEN_AUDIENCE: &str = "tickwire";

/// The one algorithm. What a token's header asks for is never followed.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// Bytes of a secret's id, before it is written as text.
const KEY_ID_BYTES: usize = 6;
/// Bytes of a token's id, before it is written as text.
const ID_BYTES: usize = 12;

/// What a token is made with.
#[derive(Serialize)]
struct IssuedClaims<'a> {
    sub: &'a str,
    tier: Tier,
    iat: i64,
    nbf: i64,
    exp: i64,
    iss: &'a str,
    aud: &'a str,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
}

/// What is read from a token; optional, so that an absence has its own code.
/// `iss` and `aud` are judged by the library, which also takes lists of them.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: Option<String>,
    tier: Option<String>,
    iat: Option<u64>,
    nbf: Option<u64>,
    exp: Option<u64>,
    role: Option<String>,
    jti: Option<String>,
}

impl Claims {
    /// For issuers that leave `nbf` out: it holds from when it was made.
    pub(super) fn without_nbf(self) -> Self {
        Self {
            nbf: self.nbf.or(self.iat),
            ..self
        }
    }
}

/// Why no token was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Not a user's name.
    #[error("user name is not one: write 1 to 64 of A-Z a-z 0-9 - _ .")]
    UserName,
    /// Lives too long, or not at all.
    #[error("lifetime of {lifetime_s} s is not one: write 1 to {lifetime_s_max} s", lifetime_s_max = token_lifetime_s_max)]
    Lifetime {
        /// What was asked for.
        lifetime_s: u64,
    },
    /// The secret is too short to sign with.
    #[error("secret for tokens is too short: it needs at least {bytes_min} bytes", bytes_min = secret_bytes_min)]
    SecretTooShort,
    /// The library failed.
    #[error("failed to sign the token: {0}")]
    Library(#[from] jsonwebtoken::errors::Error),
}

/// Makes a token for `user`, valid from `now` (rounded down to a second) for
/// `lifetime` (in whole seconds).
pub fn sign_token(
    secret: &Secret,
    user: &str,
    tier: Tier,
    lifetime: Duration,
    now: UnixNanos,
) -> Result<SecretText, SignError> {
    sign_token_of(secret, user, tier, Role::User, lifetime, now)
}

/// The same for a role.
pub fn sign_token_of(
    secret: &Secret,
    user: &str,
    tier: Tier,
    role: Role,
    lifetime: Duration,
    now: UnixNanos,
) -> Result<SecretText, SignError> {
    if !is_user_name(user) {
        return Err(SignError::UserName);
    }
    let lifetime_s = lifetime.as_secs();
    let Some(life_s) = i64::try_from(lifetime_s)
        .ok()
        .filter(|s| (1..=token_lifetime_s_max).contains(s))
    else {
        return Err(SignError::Lifetime { lifetime_s });
    };
    if secret.expose().len() < secret_bytes_min {
        return Err(SignError::SecretTooShort);
    }
    let iat = now.0.div_euclid(UnixNanos::PER_SECOND);
    let named = Sha256::new_with_prefix(user)
        .chain_update(now.0.to_be_bytes())
        .finalize();
    let jti = URL_SAFE_NO_PAD.encode(&named[..ID_BYTES]);
    let claims = IssuedClaims {
        sub: user,
        tier,
        iat,
        nbf: iat,
        exp: iat.saturating_add(life_s),
        iss: TOKEN_ISSUER,
        aud: TOKEN_AUDIENCE,
        jti: &jti,
        role: (role != Role::User).then_some(role.as_str()),
    };
    let key = EncodingKey::from_secret(secret.expose());
    let header = Header {
        kid: Some(key_id(secret)),
        ..Header::new(ALGORITHM)
    };
    Ok(SecretText::new(jsonwebtoken::encode(&header, &claims, &key)?))
}

/// Names a secret in the tokens that it signs, and says nothing else of it.
fn key_id(secret: &Secret) -> String {
    let digest = Sha256::new_with_prefix("key id")
        .chain_update(secret.expose())
        .finalize();
    URL_SAFE_NO_PAD.encode(&digest[..KEY_ID_BYTES])
}

/// Whether a token that does not verify names a secret that is not one of these: it may be forged,
/// or signed with one that came a moment ago.
pub(super) fn names_another_key(secrets: &SecretVersions, token: &str) -> bool {
    let versions = std::iter::once(&secrets.current).chain(&secrets.previous);
    let named = jsonwebtoken::decode_header(token)
        .ok()
        .and_then(|header| header.kid);
    named.is_some_and(|kid| versions.into_iter().all(|secret| key_id(secret) != kid))
}

/// Who the bearer of `token` is, at `now`. Both versions of the secret verify.
pub fn verify_token(secrets: &SecretVersions, token: &str, now: UnixNanos) -> Result<Principal, Refused> {
    if token.is_empty() {
        return Err(RefusedCode::TokenMissing.into());
    }
    if token.len() > token_bytes_max {
        return Err(RefusedCode::TokenMalformed.into());
    }
    let claims = match verify_signature(&secrets.current, token) {
        Err(Refused {
            code: RefusedCode::TokenForged,
        }) => match &secrets.previous {
            Some(previous) => verify_signature(previous, token)?,
            None => return Err(RefusedCode::TokenForged.into()),
        },
        claims => claims?,
    };
    judge(claims, now)
}

/// Signature, issuer and audience. The library would judge times by the wall clock, so it is not let.
fn verify_signature(secret: &Secret, token: &str) -> Result<Claims, Refused> {
    if secret.expose().len() < secret_bytes_min {
        tracing::error!(
            bytes_min = secret_bytes_min,
            "secret for tokens is too short: nobody is let in"
        );
        return Err(RefusedCode::AuthenticationUnavailable.into());
    }
    let mut validation = Validation::new(ALGORITHM);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_issuer(&[TOKEN_ISSUER]);
    validation.set_audience(&[TOKEN_AUDIENCE]);
    validation.set_required_spec_claims(&["sub", "nbf", "exp", "iss", "aud"]);
    let key = DecodingKey::from_secret(secret.expose());
    let data =
        jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|error| refusal_of(error.kind()))?;
    // RFC 7515, 4.1.11: what is marked critical and not understood must be refused. Nothing is understood.
    if data.header.crit.is_some() {
        return Err(RefusedCode::TokenMalformed.into());
    }
    Ok(data.claims)
}

/// User, tier and times.
pub(super) fn judge(claims: Claims, now: UnixNanos) -> Result<Principal, Refused> {
    let Claims {
        sub: Some(user),
        tier: Some(tier),
        iat: Some(iat),
        nbf: Some(nbf),
        exp: Some(exp),
        role,
        jti,
    } = claims
    else {
        return Err(RefusedCode::ClaimMissing.into());
    };
    let time = |seconds: u64| {
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(UnixNanos::PER_SECOND))
            .map(UnixNanos)
            .ok_or(RefusedCode::ClaimInvalid)
    };
    let (iat, nbf, exp) = (time(iat)?, time(nbf)?, time(exp)?);
    let lives = 1..=token_lifetime_s_max * UnixNanos::PER_SECOND;
    if !is_user_name(&user) || !lives.contains(&exp.nanos_since(iat)) {
        return Err(RefusedCode::ClaimInvalid.into());
    }
    let tier = tier.parse::<Tier>().map_err(|_| RefusedCode::ClaimInvalid)?;
    if jti.as_ref().is_some_and(|id| !is_proof_id(id)) {
        return Err(RefusedCode::ClaimInvalid.into());
    }
    let role = match role {
        None => Role::User,
        Some(role) => role.parse().map_err(|()| RefusedCode::ClaimInvalid)?,
    };
    let skew = clock_skew_s_max * UnixNanos::PER_SECOND;
    if now >= exp.saturating_add(skew) {
        return Err(RefusedCode::TokenExpired.into());
    }
    if now < nbf.saturating_add(-skew) || now < iat.saturating_add(-skew) {
        return Err(RefusedCode::TokenNotYetValid.into());
    }
    let identity = Identity {
        user,
        tier,
        expires_at: exp,
        proof: Proof {
            id: jti.unwrap_or_default(),
            issued_at: iat,
        },
    };
    let scopes = Scopes::ALL;
    Ok(Principal {
        identity,
        role,
        scopes,
    })
}

/// Whether `text` can name a token: 1 to [`proof_id_bytes_max`] of printable ASCII without spaces.
pub fn is_proof_id(text: &str) -> bool {
    (1..=proof_id_bytes_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// What an error of the library means for who sent the token.
pub(super) fn refusal_of(kind: &ErrorKind) -> Refused {
    match kind {
        ErrorKind::InvalidSignature => RefusedCode::TokenForged,
        ErrorKind::InvalidAlgorithm => RefusedCode::WrongAlgorithm,
        ErrorKind::InvalidIssuer => RefusedCode::WrongIssuer,
        ErrorKind::InvalidAudience => RefusedCode::WrongAudience,
        ErrorKind::MissingRequiredClaim(_) => RefusedCode::ClaimMissing,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
            RefusedCode::TokenMalformed
        }
        _ => RefusedCode::AuthenticationUnavailable,
    }
    .into()
}

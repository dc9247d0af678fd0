//! Tokens of another issuer: RS256, ES256 and EdDSA, by the key set that it publishes.
//!
//! The algorithm is that of the key, never what a token's header asks for: a token signed by HMAC
//! with the text of a public key is judged by the one secret of ours, and is forged. Keys of
//! symmetric algorithms are not taken from a set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sha2::{Digest, Sha256};
use tickwire_market::UnixNanos;

use super::token::{Claims, judge, refusal_of};
use super::{Principal, Refused, RefusedCode, clock_skew_s_max, limits, token_bytes_max};
use crate::ports::{Clock, KeySets, PortResult};

/// Keys taken from a set.
const KEYS_MAX: usize = 64;
/// Shortest modulus of RSA, in digits of base64url: 2,048 bits (RFC 7518, 3.3).
const RSA_TEXT_BYTES_MIN: usize = 341;
/// Tokens that are kept.
const TOKENS_KEPT_MAX: u64 = 10_000;

/// Another issuer whose tokens are taken.
#[derive(Clone)]
pub struct Issuer {
    /// Claim `iss` of its tokens.
    pub issuer: String,
    /// Claim `aud` of its tokens for us.
    pub audience: String,
    /// Where its keys are.
    pub keys: Arc<dyn KeySets>,
}

/// Keys by `kid`, when they were read, and when that was last tried.
#[derive(Clone, Default)]
struct Held {
    read_at: Option<UnixNanos>,
    tried_at: Option<UnixNanos>,
    keys: Arc<HashMap<String, (Algorithm, DecodingKey)>>,
}

/// A token whose signature was found right, and when.
#[derive(Clone)]
struct Seen {
    at: UnixNanos,
    kid: String,
    principal: Principal,
}

/// Verifies tokens of an issuer.
#[derive(Clone)]
pub(super) struct KeySet {
    issuer: Issuer,
    clock: Arc<dyn Clock>,
    held: Arc<Mutex<Held>>,
    seen: moka::sync::Cache<[u8; 32], Seen>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl KeySet {
    pub(super) fn new(issuer: Issuer, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            clock,
            held: Arc::default(),
            seen: moka::sync::Cache::new(TOKENS_KEPT_MAX),
            reading: Arc::default(),
        }
    }

    /// Who the bearer of `token` is. One that was seen before costs a hash.
    pub(super) async fn verify(&self, token: &str, kid: Option<&str>) -> Result<Principal, Refused> {
        if token.len() > token_bytes_max {
            return Err(RefusedCode::TokenMalformed.into());
        }
        let kid = kid.ok_or(RefusedCode::TokenForged)?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        let now = self.clock.now();
        if let Some(seen) = self.seen.get(&digest)
            && within(seen.at, now, limits::key_set_age_s_max)
            && self.lock().keys.contains_key(&seen.kid)
        {
            let ends = seen.principal.identity.expires_at;
            let skew = clock_skew_s_max * UnixNanos::PER_SECOND;
            return match now < ends.saturating_add(skew) {
                true => Ok(seen.principal),
                false => Err(RefusedCode::TokenExpired.into()),
            };
        }
        let (algorithm, key) = self.key(kid).await?.ok_or(RefusedCode::SigningKeyUnknown)?;
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_issuer(&[&self.issuer.issuer]);
        validation.set_audience(&[&self.issuer.audience]);
        validation.set_required_spec_claims(&["sub", "exp", "iss", "aud"]);
        let data = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|error| refusal_of(error.kind()))?;
        if data.header.crit.is_some() {
            return Err(RefusedCode::TokenMalformed.into());
        }
        let principal = judge(data.claims.without_nbf(), now)?;
        let seen = Seen {
            at: now,
            kid: kid.to_owned(),
            principal: principal.clone(),
        };
        self.seen.insert(digest, seen);
        Ok(principal)
    }

    /// The key of that name. One that is not known makes the set be read anew, but seldom.
    async fn key(&self, kid: &str) -> Result<Option<(Algorithm, DecodingKey)>, Refused> {
        if let Some(found) = self.known(kid) {
            return Ok(found);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(found) = self.known(kid) {
            return Ok(found);
        }
        let now = self.clock.now();
        match self.read().await {
            Ok(keys) => {
                let found = keys.get(kid).cloned();
                *self.lock() = Held {
                    read_at: Some(now),
                    tried_at: Some(now),
                    keys: Arc::new(keys),
                };
                Ok(found)
            }
            Err(error) => {
                tracing::warn!(%error, "the keys of the issuer cannot be read");
                let mut held = self.lock();
                held.tried_at = Some(now);
                // The last good ones serve for a while.
                let good = held
                    .read_at
                    .is_some_and(|at| within(at, now, limits::key_set_last_good_s_max));
                match held.keys.get(kid).filter(|_| good) {
                    Some(key) => Ok(Some(key.clone())),
                    None => Err(RefusedCode::AuthenticationUnavailable.into()),
                }
            }
        }
    }

    /// What needs no reading: a key that is fresh, or that there is none, asked a moment ago.
    fn known(&self, kid: &str) -> Option<Option<(Algorithm, DecodingKey)>> {
        let held = self.lock();
        let now = self.clock.now();
        let is = |since: Option<UnixNanos>, seconds| since.is_some_and(|at| within(at, now, seconds));
        let key = held.keys.get(kid).cloned();
        let fresh = is(held.read_at, limits::key_set_age_s_max);
        let tried = is(held.tried_at, limits::key_set_pause_s);
        let good = is(held.read_at, limits::key_set_last_good_s_max);
        match key {
            Some(key) if fresh || (tried && good) => Some(Some(key)),
            None if tried && fresh => Some(None),
            _ => None,
        }
    }

    async fn read(&self) -> PortResult<HashMap<String, (Algorithm, DecodingKey)>> {
        let set = self.issuer.keys.key_set().await?;
        let keys = set.into_iter().take(KEYS_MAX).filter_map(|jwk| {
            let kid = jwk.common.key_id.clone()?;
            let algorithm = algorithm_of(&jwk)?;
            let key = DecodingKey::from_jwk(&jwk).ok()?;
            Some((kid, (algorithm, key)))
        });
        Ok(keys.collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one algorithm that a key is for; `None` for a key that is not for signatures of ours.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if key.n.len() >= RSA_TEXT_BYTES_MIN => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    match jwk.common.key_algorithm {
        None => Some(algorithm),
        Some(KeyAlgorithm::RS256) if algorithm == Algorithm::RS256 => Some(algorithm),
        Some(KeyAlgorithm::ES256) if algorithm == Algorithm::ES256 => Some(algorithm),
        Some(KeyAlgorithm::EdDSA) if algorithm == Algorithm::EdDSA => Some(algorithm),
        Some(_) => None,
    }
}

fn within(since: UnixNanos, now: UnixNanos, seconds: i64) -> bool {
    (0..seconds * UnixNanos::PER_SECOND).contains(&now.nanos_since(since))
}

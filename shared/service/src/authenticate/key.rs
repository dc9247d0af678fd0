//! API keys: `twk_PREFIX_SECRET`. The prefix names the key, of the secret only a hash is stored.
//!
//! The secret has 256 random bits, so one round of SHA-256 is what it needs: there is
//! nothing to guess that a slower hash would protect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tickwire_entitlements::{Identity, Proof, Tier};
use tickwire_market::UnixNanos;

use super::{Principal, Refused, RefusedCode, Role, Scopes, SecretText};

/// What every key begins with.
pub const KEY_MARK: &str = "twk_";
/// Hexadecimal digits of a prefix.
const PREFIX_DIGITS: usize = 16;
/// Length of a secret's text: 32 bytes in base64url without padding.
const SECRET_TEXT_BYTES: usize = 43;

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Names it: 16 hexadecimal digits.
    pub prefix: String,
    /// SHA-256 of its secret, in base64url.
    pub hash: String,
    /// The user.
    pub user: String,
    /// The user's tier.
    pub tier: Tier,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: UnixNanos,
    /// From when on it opens nothing.
    pub expires_at: UnixNanos,
    /// When it was taken back.
    pub revoked_at: Option<UnixNanos>,
    /// When it was last used, to some minutes; never if there is none.
    pub used_at: Option<UnixNanos>,
}

impl ApiKey {
    /// Makes a key from random bytes; its text is told once.
    pub fn make(
        (name, secret): ([u8; 32], [u8; 32]),
        (user, tier, scopes): (&str, Tier, Scopes),
        created_at: UnixNanos,
        expires_at: UnixNanos,
    ) -> (Self, SecretText) {
        let prefix: String = name[..PREFIX_DIGITS / 2]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let text = SecretText::new(format!("{KEY_MARK}{prefix}_{secret}"));
        let key = Self {
            prefix,
            hash: hash(&secret),
            user: user.to_owned(),
            tier,
            scopes,
            created_at,
            expires_at,
            revoked_at: None,
            used_at: None,
        };
        (key, text)
    }

    /// Whose key it is, if `secret` is its own and it holds at `now`.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub fn open(&self, secret: &str, now: UnixNanos) -> Result<Principal, Refused> {
        if !same(&self.hash, &hash(secret)) {
            return Err(RefusedCode::KeyUnknown.into());
        }
        if self.revoked_at.is_some() {
            return Err(RefusedCode::IdentityRevoked.into());
        }
        if now >= self.expires_at {
            return Err(RefusedCode::TokenExpired.into());
        }
        let identity = Identity {
            user: self.user.clone(),
            tier: self.tier,
            expires_at: self.expires_at,
            proof: Proof {
                id: self.prefix.clone(),
                issued_at: self.created_at,
            },
        };
        let role = match self.scopes.manage {
            true => Role::Admin,
            false => Role::User,
        };
        Ok(Principal {
            identity,
            role,
            scopes: self.scopes,
        })
    }
}

/// Prefix and secret of a key's text; `None` for what is no key of ours.
pub(super) fn parts(text: &str) -> Option<(&str, &str)> {
    let (prefix, secret) = text.strip_prefix(KEY_MARK)?.split_once('_')?;
    let is_prefix = is_prefix(prefix);
    let is_secret = secret.len() == SECRET_TEXT_BYTES && URL_SAFE_NO_PAD.decode(secret).is_ok();
    (is_prefix && is_secret).then_some((prefix, secret))
}

/// Whether `text` can name a key.
pub fn is_prefix(text: &str) -> bool {
    text.len() == PREFIX_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// Compares in constant time: what is compared are the codes of both under one key, which
/// tell nothing of how far they agree.
fn same(a: &str, b: &str) -> bool {
    let Ok(coded) = Hmac::<Sha256>::new_from_slice(b"tickwire key comparison 1") else {
        return false;
    };
    let expected = coded.clone().chain_update(a).finalize().into_bytes();
    coded.chain_update(b).verify(&expected).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPES: Scopes = Scopes {
        read: true,
        stream: false,
        manage: false,
    };

    #[test]
    fn a_key_opens_with_its_own_secret_until_it_ends() {
        let (mut key, text) = ApiKey::make(
            ([7; 32], [9; 32]),
            ("asha", Tier::Premium, SCOPES),
            UnixNanos(5),
            UnixNanos(100),
        );
        assert_eq!(format!("{text:?}"), "***");
        let (prefix, secret) = parts(text.expose()).unwrap();
        assert_eq!((prefix, key.prefix.as_str()), ("0707070707070707", prefix));
        assert!(!key.hash.contains(secret) && !text.expose().contains(&key.hash));
        let open = |key: &ApiKey, secret: &str, now| {
            key.open(secret, UnixNanos(now))
                .map(|principal| (principal.identity.proof.id, principal.scopes))
                .map_err(|refused| refused.code)
        };
        assert_eq!(open(&key, secret, 99), Ok((prefix.to_owned(), SCOPES)));
        assert_eq!(open(&key, secret, 100), Err(RefusedCode::TokenExpired));
        let other = URL_SAFE_NO_PAD.encode([8; 32]);
        assert_eq!(open(&key, &other, 99), Err(RefusedCode::KeyUnknown));
        key.revoked_at = Some(UnixNanos(50));
        assert_eq!(open(&key, secret, 99), Err(RefusedCode::IdentityRevoked));
        assert_eq!(open(&key, &other, 99), Err(RefusedCode::KeyUnknown));
    }

    #[test]
    fn what_is_no_key_is_not_looked_for() {
        let secret = URL_SAFE_NO_PAD.encode([9; 32]);
        assert!(parts(&format!("twk_0123456789abcdef_{secret}")).is_some());
        for text in [
            String::new(),
            "twk_".into(),
            "twk_0123456789abcdef".into(),
            format!("twk_0123456789abcde_{secret}"),
            format!("twk_0123456789ABCDEF_{secret}"),
            format!("twk_0123456789abcdef_{secret}x"),
            format!("twk_0123456789abcdef_{}!", &secret[1..]),
            format!("twx_0123456789abcdef_{secret}"),
        ] {
            assert_eq!(parts(&text), None, "{text}");
        }
    }
}

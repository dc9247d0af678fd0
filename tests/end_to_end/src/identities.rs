//! The identities of the tables of ACCESS.md, as tokens.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tickwire_service::ports::Secret;

use crate::Failure;

/// The claims of a token that holds for ten minutes from now; they may be spoiled.
pub fn claims(user: &str, tier: &str, role: &str) -> Value {
    let now = now_s();
    json!({
        "sub": user, "tier": tier, "role": role, "iss": "tickwire", "aud": "tickwire",
        "iat": now, "nbf": now, "exp": now + 600, "jti": format!("{user}-{tier}-{role}"),
    })
}

/// A token of these claims.
///
/// # Errors
/// When they cannot be signed.
pub fn signed(secret: &[u8], claims: &Value) -> Result<String, Failure> {
    let key = EncodingKey::from_secret(secret);
    encode(&Header::new(Algorithm::HS256), claims, &key).map_err(Failure::of("sign a token"))
}

/// The proof of an identity of the tables, as `user`; that of `revoked` is of the user `gone`, of
/// a minute ago. `None` of who has none.
///
/// # Errors
/// When it cannot be signed.
pub fn proof(key: &Secret, identity: &str, user: &str) -> Result<Option<String>, Failure> {
    let mut claims = match identity {
        "none" => return Ok(None),
        "revoked" => claims("gone", "enterprise", "admin"),
        "forged" | "expired" | "audience" => claims(user, "enterprise", "admin"),
        "author" | "admin" => claims(user, "enterprise", identity),
        tier => claims(user, tier, "user"),
    };
    let now = now_s();
    match identity {
        "expired" => {
            for (name, time) in [("iat", now - 700), ("nbf", now - 700), ("exp", now - 100)] {
                claims[name] = time.into();
            }
        }
        "audience" => claims["aud"] = "other".into(),
        // Of before it was taken back.
        "revoked" => {
            for name in ["iat", "nbf"] {
                claims[name] = (now - 60).into();
            }
        }
        _ => {}
    }
    let secret = if identity == "forged" {
        &[7; 32]
    } else {
        key.expose()
    };
    signed(secret, &claims).map(Some)
}

fn now_s() -> i64 {
    tickwire::now().millis() / 1_000
}

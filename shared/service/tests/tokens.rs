//! Tokens: which are accepted, and with which code no other is.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::{
    Identity, Proof, Refused, RefusedCode, Role, SignError, Tier, clock_skew_s_max, secret_bytes_min,
    sign_token, sign_token_of, token_bytes_max, token_lifetime_s_max, verify_token,
};
use tickwire_service::ports::{Secret, SecretVersions};

/// A second of the year 2026.
const NOW_S: i64 = 1_795_000_000;
const CURRENT: &[u8] = b"current secret, 32 bytes or more";
const PREVIOUS: &[u8] = b"previous secret 32 bytes or more";
const FOREIGN: &[u8] = b"a secret of somebody else's house";

fn seconds(s: i64) -> UnixNanos {
    UnixNanos(s * UnixNanos::PER_SECOND)
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::new(bytes)
}

fn versions() -> SecretVersions {
    SecretVersions {
        current: secret(CURRENT),
        previous: Some(secret(PREVIOUS)),
    }
}

fn claims() -> Value {
    json!({
        "sub": "user-1", "tier": "premium", "iss": "tickwire", "aud": "tickwire",
        "iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 600,
    })
}

/// The claims with `name` replaced, or taken away.
fn claims_with(name: &str, value: Option<Value>) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    match value {
        Some(value) => map.insert(name.into(), value),
        None => map.remove(name),
    };
    claims
}

fn sign(algorithm: Algorithm, secret: &[u8], claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// A token with any header, signed by HMAC-SHA-256 all the same.
fn sign_as(header: &Value, secret: &[u8], claims: &Value) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn verify_at(token: &str, now: UnixNanos) -> Result<Identity, RefusedCode> {
    verify_token(&versions(), token, now)
        .map(|principal| {
            // What proved it has a test of its own.
            let proof = Proof::default();
            Identity {
                proof,
                ..principal.identity
            }
        })
        .map_err(|refused| refused.code)
}

fn verify(token: &str) -> Result<Identity, RefusedCode> {
    verify_at(token, seconds(NOW_S))
}

fn identity() -> Identity {
    Identity {
        user: "user-1".into(),
        tier: Tier::Premium,
        expires_at: seconds(NOW_S + 600),
        proof: Proof::default(),
    }
}

#[test]
fn both_versions_of_the_secret_verify_and_no_other() {
    let check =
        |bytes: &[u8], expected| assert_eq!(verify(&sign(Algorithm::HS256, bytes, &claims())), expected);
    check(CURRENT, Ok(identity()));
    check(PREVIOUS, Ok(identity()));
    check(FOREIGN, Err(RefusedCode::TokenForged));
    check(b"", Err(RefusedCode::TokenForged));

    let alone = SecretVersions {
        current: secret(CURRENT),
        previous: None,
    };
    let old = sign(Algorithm::HS256, PREVIOUS, &claims());
    assert_eq!(
        verify_token(&alone, &old, seconds(NOW_S)),
        Err(Refused {
            code: RefusedCode::TokenForged
        })
    );
}

#[test]
fn a_short_secret_lets_nobody_in() {
    let short = &[7; 31][..secret_bytes_min - 1];
    let token = sign(Algorithm::HS256, short, &claims());
    for (current, previous) in [(short, None), (b"".as_slice(), None), (CURRENT, Some(short))] {
        let secrets = SecretVersions {
            current: secret(current),
            previous: previous.map(secret),
        };
        let code = verify_token(&secrets, &token, seconds(NOW_S)).unwrap_err().code;
        assert_eq!(code, RefusedCode::AuthenticationUnavailable);
    }
}

#[test]
fn the_algorithm_is_pinned() {
    let check = |token: String, expected| assert_eq!(verify(&token).unwrap_err(), expected, "{token}");
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        check(sign(algorithm, CURRENT, &claims()), RefusedCode::WrongAlgorithm);
    }
    for alg in ["RS256", "PS256", "ES256", "EdDSA", "HS512"] {
        check(
            sign_as(&json!({"alg": alg, "typ": "JWT"}), CURRENT, &claims()),
            RefusedCode::WrongAlgorithm,
        );
    }
    for alg in ["none", "None", "", "hs256", "HS256 "] {
        check(
            sign_as(&json!({"alg": alg, "typ": "JWT"}), CURRENT, &claims()),
            RefusedCode::TokenMalformed,
        );
    }
    check(
        sign_as(&json!({"typ": "JWT"}), CURRENT, &claims()),
        RefusedCode::TokenMalformed,
    );
    check(
        sign_as(
            &json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
            CURRENT,
            &claims(),
        ),
        RefusedCode::TokenMalformed,
    );
    let unsigned = sign_as(&json!({"alg": "none"}), CURRENT, &claims());
    check(
        format!("{}.", unsigned.rsplit_once('.').unwrap().0),
        RefusedCode::TokenMalformed,
    );
    assert_eq!(
        verify(&sign_as(&json!({"alg": "HS256"}), CURRENT, &claims())),
        Ok(identity())
    );
}

#[test]
fn a_changed_token_is_refused() {
    let token = sign(Algorithm::HS256, CURRENT, &claims());
    let mut parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
    parts[1] = URL_SAFE_NO_PAD.encode(claims_with("tier", Some(json!("enterprise"))).to_string());
    assert_eq!(verify(&parts.join(".")).unwrap_err(), RefusedCode::TokenForged);

    let stripped = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(verify(&stripped).unwrap_err(), RefusedCode::TokenForged);

    // No other text is the same token: every changed character of it is refused.
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        assert!(
            verify(std::str::from_utf8(&bytes).unwrap()).is_err(),
            "at {index}"
        );
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let check = |token: &str, expected| assert_eq!(verify(token).unwrap_err(), expected, "{token:.60}");
    check("", RefusedCode::TokenMissing);
    let token = sign(Algorithm::HS256, CURRENT, &claims());
    let long = sign(
        Algorithm::HS256,
        CURRENT,
        &claims_with("x", Some(json!("x".repeat(token_bytes_max)))),
    );
    let (padded, spaced) = (format!("{token}="), format!("{token} "));
    for text in [
        "x",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b",
        "ünï.cö.de",
        padded.as_str(),
        spaced.as_str(),
        long.as_str(),
    ] {
        check(text, RefusedCode::TokenMalformed);
    }
    for body in [json!([]), json!(null), json!("user-1"), json!({"sub": 1})] {
        check(
            &sign(Algorithm::HS256, CURRENT, &body),
            RefusedCode::TokenMalformed,
        );
    }
    let twice = r#"{"alg":"HS256"}"#;
    let body = claims().to_string().replacen('{', r#"{"sub":"user-2","#, 1);
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(twice),
        URL_SAFE_NO_PAD.encode(body)
    );
    let key = EncodingKey::from_secret(CURRENT);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    check(&format!("{message}.{signature}"), RefusedCode::TokenMalformed);
}

#[test]
fn every_claim_is_required() {
    for name in ["sub", "tier", "iat", "nbf", "exp", "iss", "aud"] {
        for value in [None, Some(json!(null))] {
            let token = sign(Algorithm::HS256, CURRENT, &claims_with(name, value));
            assert_eq!(verify(&token).unwrap_err(), RefusedCode::ClaimMissing, "{name}");
        }
    }
}

#[test]
fn claims_are_judged() {
    use RefusedCode::*;
    let check = |name: &str, value: Value, expected: Option<RefusedCode>| {
        let token = sign(Algorithm::HS256, CURRENT, &claims_with(name, Some(value.clone())));
        assert_eq!(verify(&token).err(), expected, "{name} {value}");
    };
    let skew = clock_skew_s_max;
    let life = token_lifetime_s_max;
    check("sub", json!("a".repeat(64)), None);
    for user in ["", "a b", "a/b", "a:b", "ü", "\u{0}", "a".repeat(65).as_str()] {
        check("sub", json!(user), Some(ClaimInvalid));
    }
    for tier in ["", "Premium", "gold", "premium "] {
        check("tier", json!(tier), Some(ClaimInvalid));
    }
    check("tier", json!(3), Some(TokenMalformed));
    check("iss", json!("elsewhere"), Some(WrongIssuer));
    check("aud", json!("elsewhere"), Some(WrongAudience));
    check("aud", json!(["elsewhere"]), Some(WrongAudience));
    check("aud", json!(["elsewhere", "tickwire"]), None);
    check("aud", json!([]), Some(WrongAudience));
    check("aud", json!(1), Some(ClaimMissing));
    check("exp", json!(NOW_S + life), None);
    check("exp", json!(NOW_S + life + 1), Some(ClaimInvalid));
    check("exp", json!(NOW_S), Some(ClaimInvalid));
    check("exp", json!(u64::MAX), Some(ClaimInvalid));
    check("exp", json!("1795000600"), Some(TokenMalformed));
    check("exp", json!(-1), Some(TokenMalformed));
    check("nbf", json!(NOW_S + skew), None);
    check("nbf", json!(NOW_S + skew + 1), Some(TokenNotYetValid));
    check("nbf", json!(0), None);
    check("iat", json!(NOW_S + skew), None);
    check("iat", json!(NOW_S + skew + 1), Some(TokenNotYetValid));
    check("iat", json!(0), Some(ClaimInvalid));
}

#[test]
fn times_are_judged_by_the_clock_that_is_given() {
    let token = sign(Algorithm::HS256, CURRENT, &claims());
    let check = |nanos: i64, expected: Option<RefusedCode>| {
        assert_eq!(verify_at(&token, UnixNanos(nanos)).err(), expected, "at {nanos}");
    };
    let (begin, end) = (
        seconds(NOW_S - clock_skew_s_max).0,
        seconds(NOW_S + 600 + clock_skew_s_max).0,
    );
    check(begin - 1, Some(RefusedCode::TokenNotYetValid));
    check(begin, None);
    check(end - 1, None);
    check(end, Some(RefusedCode::TokenExpired));
    check(i64::MAX, Some(RefusedCode::TokenExpired));
    check(i64::MIN, Some(RefusedCode::TokenNotYetValid));
}

#[test]
fn a_role_is_one_that_is_known() {
    let check = |role: Value, expected: Result<Role, RefusedCode>| {
        let mut claims = claims();
        if !role.is_null() {
            claims["role"] = role.clone();
        }
        let token = sign(Algorithm::HS256, CURRENT, &claims);
        let found = verify_token(&versions(), &token, seconds(NOW_S));
        let found = found
            .map(|principal| principal.role)
            .map_err(|refused| refused.code);
        assert_eq!(found, expected, "{role}");
    };
    check(Value::Null, Ok(Role::User));
    check("user".into(), Ok(Role::User));
    check("admin".into(), Ok(Role::Admin));
    for wrong in ["", "Admin", "root", "admin,user"] {
        check(wrong.into(), Err(RefusedCode::ClaimInvalid));
    }
    check(true.into(), Err(RefusedCode::TokenMalformed));
    let minute = Duration::from_secs(60);
    for role in Role::ALL {
        let token = sign_token_of(&secret(CURRENT), "u", Tier::Free, role, minute, seconds(NOW_S)).unwrap();
        let found = verify_token(&versions(), token.expose(), seconds(NOW_S)).unwrap();
        assert_eq!(found.role, role);
    }
}

#[test]
fn what_is_signed_verifies() {
    for tier in Tier::ALL {
        let lifetime = Duration::from_secs(60);
        let token = sign_token(&secret(CURRENT), "user-3", tier, lifetime, seconds(NOW_S)).unwrap();
        assert_eq!(
            verify(token.expose()),
            Ok(Identity {
                user: "user-3".into(),
                tier,
                expires_at: seconds(NOW_S + 60),
                proof: Proof::default(),
            })
        );
        assert_eq!(format!("{token:?}"), "***");
    }
}

#[test]
fn only_what_would_verify_is_signed() {
    let check = |bytes: &[u8], user: &str, lifetime_s: u64, expected: SignError| {
        let lifetime = Duration::from_secs(lifetime_s);
        let found = sign_token(&secret(bytes), user, Tier::Free, lifetime, seconds(NOW_S)).unwrap_err();
        assert_eq!(found, expected);
    };
    let lifetime_s_max = u64::try_from(token_lifetime_s_max).unwrap();
    check(CURRENT, "a b", 60, SignError::UserName);
    check(CURRENT, "user-1", 0, SignError::Lifetime { lifetime_s: 0 });
    check(
        CURRENT,
        "user-1",
        lifetime_s_max + 1,
        SignError::Lifetime {
            lifetime_s: lifetime_s_max + 1,
        },
    );
    check(
        CURRENT,
        "user-1",
        u64::MAX,
        SignError::Lifetime { lifetime_s: u64::MAX },
    );
    check(b"short", "user-1", 60, SignError::SecretTooShort);
    assert_eq!(
        SignError::Lifetime { lifetime_s: 0 }.to_string(),
        "lifetime of 0 s is not one: write 1 to 86400 s"
    );
}

proptest! {
    #[test]
    fn no_text_is_a_token_by_chance(text in ".{0,200}", header in "[A-Za-z0-9_-]{0,40}", rest in "[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(verify(&text).is_err());
        let joined = format!("{header}.{rest}");
        prop_assert!(verify(&joined).is_err());
    }

    #[test]
    fn whoever_is_signed_is_read(user in "[A-Za-z0-9._-]{1,64}", life_s in 1..=86_400u64, now_s in 0..9_000_000_000i64) {
        let now = UnixNanos(now_s * UnixNanos::PER_SECOND);
        let token = sign_token(&secret(CURRENT), &user, Tier::Standard, Duration::from_secs(life_s), now).unwrap();
        let expires_at = now.saturating_add(life_s.cast_signed() * UnixNanos::PER_SECOND);
        prop_assert_eq!(verify_at(token.expose(), now), Ok(Identity { user, tier: Tier::Standard, expires_at, proof: Proof::default() }));
    }
}

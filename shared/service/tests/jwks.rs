//! Tokens of another issuer, by its key set.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tickwire_entitlements::{Revocation, Revoked, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::authenticate::{Authenticate, Issuer, RefusedCode, Role, key_set_age_s_max};
use tickwire_service::ports::{Clock, Entropy, Jwk, KeySets, PortError, PortResult};
use tickwire_service::testing_sockets::{SECRET, Sockets};

// Keys made for this test alone.
const RSA: &str = concat!(
    "MIIEogIBAAKCAQEAmekmNFSMAJuB9hj9M06JDKUOs+NjOmjhUzNKOyfusQcWfoIlehQNTCayMh0R0XSIUTohwGSu",
    "7fsgbwB6nVOsn7lPNwYhRbIPtGVJnHzvKaHdlJr88xDu7eYeKcQHAKMy4R+qM9ZVKOtpaa3H79Wfeuycy7Liu7iy",
    "UV7MiN4wh0G01yefl/k5rpUTeUMsBAtDrRzDMSP4PTO1sCegl83yvkAYSU1838RaHqS8/iRD0th2PSWXBu3RdUQK",
    "HdemsNED4tDy3u/azNqeWYAPQlNgKrCjnf1+9nyIW09nFtVKUCjvexEukrIxCBszoLwnCJmNZDz6ZoBkx/5YHAkR",
    "5RGKbwIDAQABAoIBABOMbXHQG0goeEVNvzs5Cmc0v71RcFUG5TewGAmTdNm/ULgYx7HNwjKd55w93PmBl57Zh1fs",
    "cduAPgpbQTeiXRacbtdKTAeSKjR7ePILXEUpbf9mACLPT8mfpM0hPNJz6A53+yJCYuajn+vwSqjHtU3jp7anreyx",
    "9NQo+kmYDwneuCvFbuthkoJnGD4DNaj/9G0r6bFbwQmGOiQMi7fN9iVmIbsdyPMG7vBfp+haAZsvkXEGHYXqtFls",
    "2HXaayyQdRVhXB3t5Qks+o1W/gMCBrKNZFXzTOp9v8i1FE0ZcBECED8psa8hEHL2s+RtPGqDpQBdD/JKTz1bADH2",
    "hR1zGqECgYEAzCvGxonvbwUVt6lFDX/Yz3RkZIkMOyjXf4iEg3/bjcXD5q6OVgRooenF1mJdF+C5c1M/Tai8n0Kj",
    "WC/VoKy3xFHrXEFJRkopBkOaRbSlDUkMH8gTVQbxXmtFsbObVtnVup9lxtOZtbD4TbPPqg7QZdhim3FvLkxKfzV1",
    "mToFYpMCgYEAwPsq4iITNLRGEvOvRl4iinQBG7IivIxTPdW/ajcEyX7vXXvC1x3KnwJahmiLM6jENHi8oNUks5vF",
    "a1uHOFyPS3E0xAf/zMIb48sOKDcywu7Ng5wbh1/G4WeVq/ijteDK/LlpMhXclcnQompeAfczVW6C5VAH8H8T/94g",
    "meJGljUCgYBSKHuAgRj8T8uBcHf9CqkwMeIEIrHtTG4LP+AzGkw7LI28Uhmsu3FvVibqMgLMDP4TTjh3A6ODYslg",
    "Pz9zvIzmTyCqqwrVYhpIDwQRcLPKOM7MKzK8UGLoX7pX27JyrI2431ORQqzj1CbW/bhe8j8h/IURj//xXXnM3rJH",
    "ynVISQKBgCsOXu0BKUPTDOdhkzOiARbe9vhU8EcdD911+TUbfWfveDxlRn10WibMAaKHZLdr6grC/WLs6zlfgdaI",
    "H01F6XqtkVZDaqEmlc5nGYuDdUHkwdmhVMsJZXgZAl3SJcSImQF15LCWDBcnZfM2xC6wFrXy6CV9i6fu0ml+B8wN",
    "ni4ZAoGANf8llkHJ6UQWSs2q9e6FwO6JPV+08PKLjut8gDcfMIaIXqYHeXvt13yC875VshVN2vEOcETWoS9O7wha",
    "FiIM1tqB0AF6eOAjPARYWhvPNjsnSQrAQ6ZHB8BHkrIL4g5+wIXtjChYfQ9Dgu9hC3nYLqrIIffwfqGV+3MmrY+c",
    "QKA=",
);
const RSA_N: &str = concat!(
    "mekmNFSMAJuB9hj9M06JDKUOs-NjOmjhUzNKOyfusQcWfoIlehQNTCayMh0R0XSIUTohwGSu7fsgbwB6nVOsn7lP",
    "NwYhRbIPtGVJnHzvKaHdlJr88xDu7eYeKcQHAKMy4R-qM9ZVKOtpaa3H79Wfeuycy7Liu7iyUV7MiN4wh0G01yef",
    "l_k5rpUTeUMsBAtDrRzDMSP4PTO1sCegl83yvkAYSU1838RaHqS8_iRD0th2PSWXBu3RdUQKHdemsNED4tDy3u_a",
    "zNqeWYAPQlNgKrCjnf1-9nyIW09nFtVKUCjvexEukrIxCBszoLwnCJmNZDz6ZoBkx_5YHAkR5RGKbw",
);
const EC: &str = concat!(
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6tkMo6w73Oo0d5VWflkqGbskHutWku7nSlBp5aia",
    "e6ehRANCAAQtdZ5oKkUWrCgp5Mw9rNb1/v7IfVE7VOQBQV95Sl+o8iGU2BonjvbbY01jkoyNeof8YUnmEm7CEIGa",
    "AMoD7TxI",
);
const EC_X: &str = "LXWeaCpFFqwoKeTMPazW9f7-yH1RO1TkAUFfeUpfqPI";
const EC_Y: &str = "IZTYGieO9ttjTWOSjI16h_xhSeYSbsIQgZoAygPtPEg";
const ED: &str = "MC4CAQAwBQYDK2VwBCIEIJxFUY6Qi+lPrRuwtwaRp5+OWzeTGm+W+rNChLrY/ZeP";
const ED_X: &str = "UgvrKHaJtOE8nAllA2J2L1goSpYXGSQWUkXVpBqtg5o";

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "tickwire-live";
const NOW_S: i64 = 1_795_000_000;

struct World {
    now: AtomicI64,
    set: Mutex<Option<Vec<Value>>>,
    readings: AtomicU64,
}

impl Clock for World {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.now.load(Ordering::Relaxed) * UnixNanos::PER_SECOND)
    }
}

impl Entropy for World {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        Ok([1; 32])
    }
}

#[async_trait]
impl KeySets for World {
    async fn key_set(&self) -> PortResult<Vec<Jwk>> {
        self.readings.fetch_add(1, Ordering::Relaxed);
        let set = self.set.lock().unwrap().clone();
        let set = set.ok_or(PortError::Throttled { what: "key set" })?;
        Ok(set
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect())
    }
}

fn set() -> Vec<Value> {
    vec![
        json!({"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": RSA_N, "e": "AQAB"}),
        json!({"kty": "EC", "kid": "e", "crv": "P-256", "x": EC_X, "y": EC_Y}),
        json!({"kty": "OKP", "kid": "d", "crv": "Ed25519", "x": ED_X}),
        // None of these is for signatures of ours.
        json!({"kty": "RSA", "kid": "enc", "use": "enc", "n": RSA_N, "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "ps", "alg": "PS256", "n": RSA_N, "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "short", "n": &RSA_N[..171], "e": "AQAB"}),
        json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode([7; 32])}),
        json!({"kty": "unheard-of", "kid": "x"}),
    ]
}

fn world() -> (Arc<World>, Arc<Sockets>, Authenticate) {
    let world = Arc::new(World {
        now: AtomicI64::new(NOW_S),
        set: Mutex::new(Some(set())),
        readings: AtomicU64::new(0),
    });
    let store = Sockets::new();
    let access = Access::new(store.clone(), store.clone(), world.clone());
    let authenticate = Authenticate::new(
        store.clone(),
        store.clone(),
        access,
        world.clone(),
        world.clone(),
        "tokens",
    );
    let issuer = Issuer {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: world.clone(),
    };
    let authenticate = authenticate.with_issuer(issuer);
    (world, store, authenticate)
}

fn claims() -> Value {
    json!({
        "sub": "asha", "tier": "premium", "iss": ISSUER, "aud": AUDIENCE,
        "iat": NOW_S, "exp": NOW_S + 600, "jti": "j1",
    })
}

fn key_of(algorithm: Algorithm) -> EncodingKey {
    let der = |text: &str| STANDARD.decode(text).unwrap();
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&der(EC)),
        Algorithm::EdDSA => EncodingKey::from_ed_der(&der(ED)),
        _ => EncodingKey::from_rsa_der(&der(RSA)),
    }
}

fn sign(algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &key_of(algorithm)).unwrap()
}

fn verify(authenticate: &Authenticate, token: &str) -> Result<(String, Tier, Role), RefusedCode> {
    let found = authenticate.by_token(token).now_or_never().unwrap();
    found
        .map(|found| (found.identity.user, found.identity.tier, found.role))
        .map_err(|refused| refused.code)
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

#[test]
fn each_algorithm_verifies_by_its_own_key() {
    let (world, _, authenticate) = world();
    let asha = Ok(("asha".to_owned(), Tier::Premium, Role::User));
    for (algorithm, kid) in [
        (Algorithm::RS256, "r"),
        (Algorithm::ES256, "e"),
        (Algorithm::EdDSA, "d"),
    ] {
        assert_eq!(
            verify(&authenticate, &sign(algorithm, Some(kid), &claims())),
            asha,
            "{kid}"
        );
    }
    assert_eq!(world.readings.load(Ordering::Relaxed), 1, "one set serves all");
    let admin = with(|claims| claims["role"] = "admin".into());
    let admin = verify(&authenticate, &sign(Algorithm::EdDSA, Some("d"), &admin));
    assert_eq!(admin.unwrap().2, Role::Admin);
}

#[test]
fn what_is_forged_is_refused() {
    let (world, _, authenticate) = world();
    let check = |token: &str, expected| {
        assert_eq!(verify(&authenticate, token), Err(expected), "{token}");
    };
    let rs = |claims: &Value| sign(Algorithm::RS256, Some("r"), claims);
    use RefusedCode::*;
    // Another key's signature, no key, a key that is unknown, or not for this.
    check(&sign(Algorithm::ES256, Some("d"), &claims()), WrongAlgorithm);
    check(&sign(Algorithm::RS256, Some("e"), &claims()), WrongAlgorithm);
    check(&sign(Algorithm::RS256, None, &claims()), TokenForged);
    for kid in ["nobody", "enc", "ps", "short", "oct", "x", "../r", "r\u{0}"] {
        check(&sign(Algorithm::RS256, Some(kid), &claims()), SigningKeyUnknown);
    }
    let (head, signature) = {
        let token = rs(&claims());
        let (head, signature) = token.rsplit_once('.').unwrap();
        (head.to_owned(), signature.to_owned())
    };
    let other = rs(&with(|claims| claims["sub"] = "chief".into()));
    let (other, _) = other.rsplit_once('.').unwrap();
    check(&format!("{other}.{signature}"), TokenForged);
    check(&format!("{head}."), TokenForged);
    // By another issuer, for another audience, too old, too early, too long.
    check(
        &rs(&with(|claims| claims["iss"] = "tickwire".into())),
        WrongIssuer,
    );
    check(
        &rs(&with(|claims| claims["aud"] = "tickwire".into())),
        WrongAudience,
    );
    check(
        &rs(&with(|claims| claims["exp"] = (NOW_S - 5).into())),
        ClaimInvalid,
    );
    check(
        &rs(&with(|claims| {
            claims["iat"] = (NOW_S - 700).into();
            claims["exp"] = (NOW_S - 5).into();
        })),
        TokenExpired,
    );
    check(
        &rs(&with(|claims| claims["nbf"] = (NOW_S + 6).into())),
        TokenNotYetValid,
    );
    check(
        &rs(&with(|claims| claims["exp"] = (NOW_S + 90_000).into())),
        ClaimInvalid,
    );
    check(&rs(&with(|claims| claims["role"] = "owner".into())), ClaimInvalid);
    check(
        &rs(&with(|claims| {
            drop(claims.as_object_mut().unwrap().remove("tier"))
        })),
        ClaimMissing,
    );
    assert!(
        world.readings.load(Ordering::Relaxed) <= 2,
        "unknown names cost no reading each"
    );
}

#[test]
fn no_algorithm_is_taken_for_another() {
    let (_, _, authenticate) = world();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    // None at all.
    for alg in ["none", "None", "NONE", ""] {
        let token = format!("{}.{}.", part(&json!({"alg": alg, "kid": "r"})), part(&claims()));
        assert!(verify(&authenticate, &token).is_err(), "{alg}");
    }
    // HMAC with what everyone knows: the modulus, the whole public key.
    let public = [RSA_N.to_owned(), json!(set()[0]).to_string()];
    for secret in public.iter().map(String::as_bytes).chain([&b""[..]]) {
        for kid in [Some("r"), Some("oct"), None] {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = kid.map(str::to_owned);
            let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
            let expected = match kid {
                Some(_) => RefusedCode::SigningKeyUnknown,
                None => RefusedCode::TokenForged,
            };
            assert_eq!(verify(&authenticate, &token), Err(expected));
        }
    }
    // Our own secret signs for us alone.
    let token = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &with(|claims| claims["nbf"] = NOW_S.into()),
        &EncodingKey::from_secret(SECRET),
    );
    assert_eq!(
        verify(&authenticate, &token.unwrap()),
        Err(RefusedCode::WrongIssuer)
    );
    // Keys and addresses of keys that a token brings along are not looked at.
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("mine".into());
    header.jku = Some("http://127.0.0.1:1/keys".into());
    header.jwk =
        serde_json::from_value(json!({"kty": "OKP", "kid": "mine", "crv": "Ed25519", "x": ED_X})).ok();
    let token = jsonwebtoken::encode(&header, &claims(), &key_of(Algorithm::EdDSA)).unwrap();
    assert_eq!(verify(&authenticate, &token), Err(RefusedCode::SigningKeyUnknown));
}

#[test]
fn keys_rotate() {
    let (world, _, authenticate) = world();
    let token = |kid: &str| sign(Algorithm::EdDSA, Some(kid), &claims());
    assert!(verify(&authenticate, &token("d")).is_ok());
    // A new key is found as soon as one asks for it, but one asks seldom.
    let mut new = set();
    new[2]["kid"] = "d2".into();
    *world.set.lock().unwrap() = Some(new);
    let unknown = Err(RefusedCode::SigningKeyUnknown);
    assert_eq!(verify(&authenticate, &token("d2")), unknown);
    world.now.fetch_add(5, Ordering::Relaxed);
    assert!(verify(&authenticate, &token("d2")).is_ok());
    // The old one is gone with the set that had it, also for a token that was seen.
    assert_eq!(verify(&authenticate, &token("d")), unknown);
}

#[test]
fn keys_that_cannot_be_read_serve_for_an_hour() {
    let (world, _, authenticate) = world();
    let token = |life: i64| {
        let now = world.now.load(Ordering::Relaxed);
        let claims = with(|claims| {
            claims["iat"] = now.into();
            claims["exp"] = (now + life).into();
        });
        sign(Algorithm::EdDSA, Some("d"), &claims)
    };
    assert!(verify(&authenticate, &token(600)).is_ok());
    *world.set.lock().unwrap() = None;
    world.now.fetch_add(key_set_age_s_max + 1, Ordering::Relaxed);
    assert!(verify(&authenticate, &token(600)).is_ok());
    world.now.fetch_add(3_600, Ordering::Relaxed);
    assert_eq!(
        verify(&authenticate, &token(600)),
        Err(RefusedCode::AuthenticationUnavailable)
    );
}

#[test]
fn a_token_that_was_seen_is_still_judged() {
    let (world, store, authenticate) = world();
    let token = sign(Algorithm::RS256, Some("r"), &claims());
    assert!(verify(&authenticate, &token).is_ok() && verify(&authenticate, &token).is_ok());
    let revocation = Revocation {
        of: Revoked::Proof("j1".to_owned()),
        at: world.now(),
        until: UnixNanos(i64::MAX),
    };
    store.content().revocations.push(revocation);
    store.content().access_epoch += 1;
    world.now.fetch_add(3, Ordering::Relaxed);
    assert_eq!(verify(&authenticate, &token), Err(RefusedCode::IdentityRevoked));
    store.content().revocations.clear();
    store.content().access_epoch += 1;
    world.now.fetch_add(3, Ordering::Relaxed);
    assert!(verify(&authenticate, &token).is_ok());
    world.now.fetch_add(600, Ordering::Relaxed);
    assert_eq!(verify(&authenticate, &token), Err(RefusedCode::TokenExpired));
}

#[test]
fn without_an_issuer_only_our_own_tokens_are_taken() {
    let (_, store, _) = world();
    let (other, ..) = world();
    let access = Access::new(store.clone(), store.clone(), other.clone());
    let authenticate = Authenticate::new(store.clone(), store, access, other.clone(), other, "tokens");
    let token = sign(Algorithm::RS256, Some("r"), &claims());
    assert_eq!(verify(&authenticate, &token), Err(RefusedCode::WrongAlgorithm));
}

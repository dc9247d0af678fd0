//! Tokens and tickets: who is let in, and with which code everyone else is not.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tickwire_market::UnixNanos;
use tickwire_service::authenticate::{
    Authenticate, Identity, IdentityContext, Refused, RefusedCode, SignError, Ticket, Tier, clock_skew_s_max,
    secret_bytes_min, sign_token, ticket_lifetime_s_max, token_bytes_max, token_lifetime_s_max, verify_token,
};
use tickwire_service::ports::{
    Clock, Entropy, PortError, PortResult, Secret, SecretVersions, Secrets, TicketGrant, Tickets,
};

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

// ---------------------------------------------------------------- tokens

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
    verify_token(&versions(), token, now).map_err(|refused| refused.code)
}

fn verify(token: &str) -> Result<Identity, RefusedCode> {
    verify_at(token, seconds(NOW_S))
}

fn identity() -> Identity {
    Identity {
        user: "user-1".into(),
        tier: Tier::Premium,
        expires_at: seconds(NOW_S + 600),
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
fn what_is_signed_verifies() {
    for tier in Tier::ALL {
        let lifetime = Duration::from_secs(60);
        let token = sign_token(&secret(CURRENT), "user-3", tier, lifetime, seconds(NOW_S)).unwrap();
        assert_eq!(
            verify(token.expose()),
            Ok(Identity {
                user: "user-3".into(),
                tier,
                expires_at: seconds(NOW_S + 60)
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

// --------------------------------------------------------------- tickets

/// Twins of all four ports, which can be told to fail and to be late.
#[derive(Default)]
struct World {
    now: AtomicI64,
    minted: AtomicU8,
    stored: Mutex<HashMap<String, TicketGrant>>,
    secrets_down: AtomicBool,
    tickets_down: AtomicBool,
    entropy_down: AtomicBool,
}

fn fails_if(down: &AtomicBool, what: &'static str) -> PortResult<()> {
    if down.load(Ordering::Relaxed) {
        return Err(PortError::Unavailable {
            what,
            why: "told to".into(),
        });
    }
    Ok(())
}

impl Clock for World {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.now.load(Ordering::Relaxed))
    }
}

impl Entropy for World {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        fails_if(&self.entropy_down, "entropy")?;
        Ok([self.minted.fetch_add(1, Ordering::Relaxed); 32])
    }
}

#[async_trait]
impl Secrets for World {
    async fn secret(&self, name: &str) -> PortResult<SecretVersions> {
        fails_if(&self.secrets_down, "secret")?;
        assert_eq!(name, "tokens");
        Ok(versions())
    }
}

#[async_trait]
impl Tickets for World {
    async fn put_ticket(&self, hash: &str, grant: &TicketGrant) -> PortResult<()> {
        fails_if(&self.tickets_down, "put ticket")?;
        assert!(
            self.stored
                .lock()
                .unwrap()
                .insert(hash.into(), grant.clone())
                .is_none()
        );
        Ok(())
    }

    async fn take_ticket(&self, hash: &str) -> PortResult<Option<TicketGrant>> {
        fails_if(&self.tickets_down, "take ticket")?;
        Ok(self.stored.lock().unwrap().remove(hash))
    }
}

fn world() -> (Arc<World>, Authenticate) {
    let world = Arc::new(World::default());
    world.now.store(seconds(NOW_S).0, Ordering::Relaxed);
    let authenticate = Authenticate::new(
        world.clone(),
        world.clone(),
        world.clone(),
        world.clone(),
        "tokens",
    );
    (world, authenticate)
}

/// The twins never wait, so one poll is enough.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

fn issue(authenticate: &Authenticate, identity: &Identity) -> Ticket {
    now(authenticate.issue_ticket(identity)).unwrap()
}

fn take(authenticate: &Authenticate, text: &str) -> Result<Identity, RefusedCode> {
    now(authenticate.take_ticket(Some(text))).map_err(|refused| refused.code)
}

#[test]
fn a_ticket_opens_once() {
    let (_, authenticate) = world();
    let ticket = issue(&authenticate, &identity());
    assert_eq!(ticket.expires_at, seconds(NOW_S + ticket_lifetime_s_max));
    assert_eq!(take(&authenticate, ticket.text.expose()), Ok(identity()));
    assert_eq!(
        take(&authenticate, ticket.text.expose()),
        Err(RefusedCode::TicketUnknown)
    );
}

#[test]
fn a_ticket_is_opaque_and_not_stored() {
    let (world, authenticate) = world();
    let ticket = issue(&authenticate, &identity());
    let text = ticket.text.expose();
    assert_eq!(URL_SAFE_NO_PAD.decode(text).unwrap(), [0; 32]);
    assert!(!format!("{ticket:?}").contains(text));
    assert!(format!("{ticket:?}").contains("***"));
    let stored = world.stored.lock().unwrap();
    let (hash, grant) = stored.iter().next().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(hash).unwrap().len(), 32);
    assert!(!hash.contains(text) && !format!("{grant:?}").contains(text));
}

#[test]
fn tickets_differ_and_the_hash_is_not_the_ticket() {
    let (world, authenticate) = world();
    let (first, second) = (
        issue(&authenticate, &identity()),
        issue(&authenticate, &identity()),
    );
    assert_ne!(first.text, second.text);
    let hash = world.stored.lock().unwrap().keys().next().unwrap().clone();
    assert_eq!(take(&authenticate, &hash), Err(RefusedCode::TicketUnknown));
    assert!(take(&authenticate, first.text.expose()).is_ok());
    assert!(take(&authenticate, second.text.expose()).is_ok());
}

#[test]
fn expiry_is_judged_when_the_ticket_is_read() {
    let check = |identity_life_s: i64, after: i64, expected: Result<(), RefusedCode>| {
        let (world, authenticate) = world();
        let identity = Identity {
            expires_at: seconds(NOW_S + identity_life_s),
            ..identity()
        };
        let ticket = issue(&authenticate, &identity);
        world.now.fetch_add(after, Ordering::Relaxed);
        let found = take(&authenticate, ticket.text.expose()).map(|found| assert_eq!(found, identity));
        assert_eq!(found, expected, "after {after} ns");
        assert!(
            world.stored.lock().unwrap().is_empty(),
            "spent whatever the answer"
        );
    };
    let life = seconds(ticket_lifetime_s_max).0;
    check(600, life - 1, Ok(()));
    check(600, life, Err(RefusedCode::TicketExpired));
    check(20, seconds(20).0 - 1, Ok(()));
    check(20, seconds(20).0, Err(RefusedCode::IdentityExpired));
}

#[test]
fn an_expired_identity_gets_no_ticket() {
    let (world, authenticate) = world();
    let identity = Identity {
        expires_at: seconds(NOW_S),
        ..identity()
    };
    let refused = now(authenticate.issue_ticket(&identity)).unwrap_err();
    assert_eq!(refused.code, RefusedCode::IdentityExpired);
    assert!(world.stored.lock().unwrap().is_empty());
}

#[test]
fn what_is_no_ticket_is_not_looked_for() {
    let (world, authenticate) = world();
    world.tickets_down.store(true, Ordering::Relaxed);
    let check = |text: Option<&str>, expected| {
        assert_eq!(
            now(authenticate.take_ticket(text)).unwrap_err().code,
            expected,
            "{text:?}"
        );
    };
    check(None, RefusedCode::TicketMissing);
    check(Some(""), RefusedCode::TicketMissing);
    let long = "A".repeat(44);
    for text in [
        "x",
        "not base64url, but of 43 characters in all!!",
        &long[..42],
        &long,
        &"é".repeat(22),
    ] {
        check(Some(text), RefusedCode::TicketMalformed);
    }
    check(Some(&long[..43]), RefusedCode::AuthenticationUnavailable);
}

#[test]
fn a_port_that_fails_is_a_refusal() {
    let (world, authenticate) = world();
    let ticket = issue(&authenticate, &identity());
    let token = sign(Algorithm::HS256, CURRENT, &claims());
    let authorization = format!("Bearer {token}");
    assert_eq!(
        now(authenticate.by_authorization(Some(&authorization))),
        Ok(identity())
    );

    for down in [&world.secrets_down, &world.tickets_down, &world.entropy_down] {
        down.store(true, Ordering::Relaxed);
    }
    let unavailable = Refused {
        code: RefusedCode::AuthenticationUnavailable,
    };
    assert_eq!(
        now(authenticate.by_authorization(Some(&authorization))),
        Err(unavailable)
    );
    assert_eq!(
        now(authenticate.take_ticket(Some(ticket.text.expose()))),
        Err(unavailable)
    );
    assert_eq!(now(authenticate.issue_ticket(&identity())), Err(unavailable));
    world.entropy_down.store(false, Ordering::Relaxed);
    assert_eq!(now(authenticate.issue_ticket(&identity())), Err(unavailable));
    assert!(unavailable.code.is_temporary());
}

#[test]
fn the_authorization_header_has_one_scheme() {
    let (_, authenticate) = world();
    let token = sign(Algorithm::HS256, CURRENT, &claims());
    let check = |header: Option<&str>, expected: Result<Identity, RefusedCode>| {
        let found = now(authenticate.by_authorization(header)).map_err(|refused| refused.code);
        assert_eq!(found, expected, "{header:?}");
    };
    for scheme in ["Bearer ", "bearer ", "BEARER  ", " Bearer "] {
        check(Some(&format!("{scheme}{token}")), Ok(identity()));
    }
    check(None, Err(RefusedCode::TokenMissing));
    for header in [
        "",
        "Bearer",
        "Basic YTpi",
        token.as_str(),
        "Bearer a b",
        &format!("Bearer {token}, Bearer x"),
    ] {
        check(Some(header), Err(RefusedCode::TokenMalformed));
    }
}

#[test]
fn an_identity_comes_back_from_its_context() {
    let context = IdentityContext::from(&identity());
    assert_eq!(
        serde_json::to_value(&context).unwrap(),
        json!({"user": "user-1", "tier": "premium", "expires_at_ms": "1795000600000"})
    );
    assert_eq!(Identity::try_from(&context), Ok(identity()));
    let check = |change: fn(&mut IdentityContext)| {
        let mut context = IdentityContext::from(&identity());
        change(&mut context);
        assert_eq!(
            Identity::try_from(&context).unwrap_err().code,
            RefusedCode::ClaimInvalid,
            "{context:?}"
        );
    };
    check(|context| context.user = String::new());
    check(|context| context.tier = "gold".into());
    check(|context| context.expires_at_ms = String::new());
}

#[test]
fn codes_and_their_json_are_one() {
    for code in RefusedCode::ALL {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        assert_eq!(Refused { code }.to_string(), code.reason());
    }
}

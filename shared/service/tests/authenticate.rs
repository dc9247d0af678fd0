//! Headers and one-time tickets: who is let in, and with which code everyone else is not.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use serde_json::json;
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::authenticate::{
    Authenticate, Identity, IdentityContext, Proof, Refused, RefusedCode, Ticket, Tier, sign_token,
    ticket_lifetime_s_max,
};
use tickwire_service::ports::{
    Clock, Entropy, PortError, PortResult, Secret, SecretVersions, Secrets, TicketGrant, Tickets,
};
use tickwire_service::testing_sockets::Sockets;

/// A second of the year 2026.
const NOW_S: i64 = 1_795_000_000;
const SECRET: &[u8] = b"current secret, 32 bytes or more";

const NEWER: &[u8] = b"the secret that came after that one";

fn seconds(s: i64) -> UnixNanos {
    UnixNanos(s * UnixNanos::PER_SECOND)
}

fn identity() -> Identity {
    Identity {
        user: "user-1".into(),
        tier: Tier::Premium,
        expires_at: seconds(NOW_S + 600),
        proof: Proof::default(),
    }
}

/// What proved it has tests of its own.
fn unproved(identity: Identity) -> Identity {
    let proof = Proof::default();
    Identity { proof, ..identity }
}

fn token() -> String {
    let lifetime = Duration::from_secs(600);
    let token = sign_token(
        &Secret::new(SECRET),
        "user-1",
        Tier::Premium,
        lifetime,
        seconds(NOW_S),
    )
    .unwrap();
    token.expose().to_owned()
}

/// Twins of all four ports, which can be told to fail and to be late.
#[derive(Default)]
struct World {
    now: AtomicI64,
    minted: AtomicU8,
    stored: Mutex<HashMap<String, TicketGrant>>,
    secrets_down: AtomicBool,
    /// There is a newer secret than that which is held, until it is read anew.
    rotated: AtomicBool,
    renewed: AtomicU8,
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
        Ok(SecretVersions {
            current: Secret::new(SECRET),
            previous: None,
        })
    }

    async fn renewed_secret(&self, name: &str) -> PortResult<SecretVersions> {
        self.renewed.fetch_add(1, Ordering::Relaxed);
        let held = self.secret(name).await?;
        if !self.rotated.load(Ordering::Relaxed) {
            return Ok(held);
        }
        Ok(SecretVersions {
            current: Secret::new(NEWER),
            previous: Some(held.current),
        })
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
    let nothing = Sockets::new();
    let access = Access::new(nothing.clone(), nothing, world.clone());
    let authenticate = Authenticate::new(
        world.clone(),
        world.clone(),
        access,
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
fn a_token_of_a_newer_key_is_taken_at_once() {
    let (world, authenticate) = world();
    let signed_with = |key: &'static [u8]| {
        let (key, life) = (Secret::new(key), Duration::from_secs(600));
        let token = sign_token(&key, "user-1", Tier::Premium, life, seconds(NOW_S)).unwrap();
        token.expose().to_owned()
    };
    let code = |token: &str| {
        let principal = now(authenticate.by_token(token));
        principal.map(|_| ()).map_err(|refused| refused.code)
    };
    let renewed = || world.renewed.load(Ordering::Relaxed);
    let (held, newer) = (signed_with(SECRET), signed_with(NEWER));
    assert_eq!((code(&held), renewed()), (Ok(()), 0));
    assert_eq!(
        (code(&newer), renewed()),
        (Err(RefusedCode::SigningKeyUnknown), 1)
    );
    world.rotated.store(true, Ordering::Relaxed);
    assert_eq!((code(&newer), renewed()), (Ok(()), 2));
    assert_eq!((code(&held), renewed()), (Ok(()), 2));
    // What is wrong with it otherwise is no reason to read.
    assert_eq!((code("a.b.c"), renewed()), (Err(RefusedCode::TokenMalformed), 2));
    assert_eq!(
        code(&signed_with(b"a key that nobody ever has used here")),
        Err(RefusedCode::SigningKeyUnknown)
    );
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
        assert!(
            ticket.expires_at <= identity.expires_at,
            "a ticket outlives its identity"
        );
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
    let token = token();
    let authorization = format!("Bearer {token}");
    assert_eq!(
        now(authenticate.by_authorization(Some(&authorization))).map(unproved),
        Ok(identity())
    );

    for down in [&world.secrets_down, &world.tickets_down, &world.entropy_down] {
        down.store(true, Ordering::Relaxed);
    }
    let unavailable = Refused {
        code: RefusedCode::AuthenticationUnavailable,
    };
    assert_eq!(
        now(authenticate.by_authorization(Some(&authorization))).map(unproved),
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
    let token = token();
    let check = |header: Option<&str>, expected: Result<Identity, RefusedCode>| {
        let found = now(authenticate.by_authorization(header))
            .map(unproved)
            .map_err(|refused| refused.code);
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
        json!({
            "user": "user-1", "tier": "premium", "expires_at_ms": "1795000600000",
            "proof": "", "issued_at_ms": "0",
        })
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
    check(|context| context.issued_at_ms = String::new());
}

#[test]
fn codes_and_their_json_are_one() {
    for code in RefusedCode::ALL {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        assert_eq!(Refused { code }.to_string(), code.reason());
    }
}

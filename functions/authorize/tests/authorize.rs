//! Replays the sample events: who is let in, and with which code nobody else is.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case must fail")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tickwire_authorize::handle;
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::authenticate::{Authenticate, Identity, Proof, Tier, sign_token};
use tickwire_service::ports::{
    Clock, Entropy, PortError, PortResult, Secret, SecretVersions, Secrets, TicketGrant, Tickets,
};
use tickwire_service::testing_sockets::Sockets;

/// The moment of the sample events.
const NOW_S: i64 = 1_795_000_000;
const CURRENT: &[u8] = b"current secret, 32 bytes or more";
const PREVIOUS: &[u8] = b"previous secret 32 bytes or more";
const FOREIGN: &[u8] = b"a secret of somebody else's house";
const ROUTE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/live/$connect";

/// Twins of the ports, which can be told to fail and to be late.
#[derive(Default)]
struct World {
    now: AtomicI64,
    down: AtomicBool,
    stored: Mutex<HashMap<String, TicketGrant>>,
}

impl World {
    fn answers(&self, what: &'static str) -> PortResult<()> {
        if self.down.load(Ordering::Relaxed) {
            return Err(PortError::Unavailable {
                what,
                why: "told to".into(),
            });
        }
        Ok(())
    }

    fn wait(&self, seconds: i64) {
        self.now
            .fetch_add(seconds * UnixNanos::PER_SECOND, Ordering::Relaxed);
    }
}

impl Clock for World {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.now.load(Ordering::Relaxed))
    }
}

impl Entropy for World {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        Ok([9; 32])
    }
}

#[async_trait]
impl Secrets for World {
    async fn secret(&self, _: &str) -> PortResult<SecretVersions> {
        self.answers("secret")?;
        Ok(SecretVersions {
            current: Secret::new(CURRENT),
            previous: Some(Secret::new(PREVIOUS)),
        })
    }
}

#[async_trait]
impl Tickets for World {
    async fn put_ticket(&self, hash: &str, grant: &TicketGrant) -> PortResult<()> {
        self.stored.lock().unwrap().insert(hash.into(), grant.clone());
        Ok(())
    }

    async fn take_ticket(&self, hash: &str) -> PortResult<Option<TicketGrant>> {
        self.answers("ticket")?;
        Ok(self.stored.lock().unwrap().remove(hash))
    }
}

fn world() -> (Arc<World>, Authenticate) {
    let world = Arc::new(World::default());
    world.wait(NOW_S);
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

fn event(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The event with its placeholder replaced.
fn event_with(name: &str, placeholder: &str, text: &str) -> Value {
    let filled = event(name).to_string().replace(placeholder, text);
    serde_json::from_str(&filled).unwrap()
}

fn ask(authenticate: &Authenticate, event: Value) -> Value {
    serde_json::to_value(
        handle(&authenticate.clone().into(), event)
            .now_or_never()
            .unwrap(),
    )
    .unwrap()
}

// --------------------------------------------------------------- sockets

fn ticket(authenticate: &Authenticate) -> String {
    let identity = Identity {
        user: "user-1".into(),
        tier: Tier::Premium,
        expires_at: UnixNanos::from_millis(1_795_000_600_000),
        proof: Proof::default(),
    };
    let ticket = authenticate
        .issue_ticket(&identity)
        .now_or_never()
        .unwrap()
        .unwrap();
    ticket.text.expose().to_owned()
}

fn connect(authenticate: &Authenticate, ticket: &str) -> Value {
    ask(authenticate, event_with("authorize-connect", "TICKET", ticket))
}

fn denial(code: &str) -> Value {
    json!({
        "principalId": "nobody",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": ["execute-api:Invoke"], "Effect": "Deny", "Resource": [ROUTE]}],
        },
        "context": {"code": code},
    })
}

#[test]
fn a_ticket_opens_a_socket_once() {
    let (_, authenticate) = world();
    let ticket = ticket(&authenticate);
    let allowance = json!({
        "principalId": "user-1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": ["execute-api:Invoke"], "Effect": "Allow", "Resource": [ROUTE]}],
        },
        "context": {"user": "user-1", "tier": "premium", "expires_at_ms": "1795000600000",
                    "proof": "", "issued_at_ms": "0"},
    });
    assert_eq!(connect(&authenticate, &ticket), allowance);
    assert_eq!(connect(&authenticate, &ticket), denial("ticket_unknown"));
}

#[test]
fn no_ticket_opens_no_socket() {
    let (_, authenticate) = world();
    assert_eq!(
        ask(&authenticate, event("authorize-connect-no-ticket")),
        denial("ticket_missing")
    );
    assert_eq!(
        ask(&authenticate, event("authorize-connect")),
        denial("ticket_malformed")
    );
    assert_eq!(connect(&authenticate, ""), denial("ticket_missing"));
    assert_eq!(connect(&authenticate, &"A".repeat(43)), denial("ticket_unknown"));
}

#[test]
fn an_old_ticket_opens_no_socket() {
    for (seconds, expected) in [(60, "ticket_expired"), (600, "identity_expired")] {
        let (world, authenticate) = world();
        let ticket = ticket(&authenticate);
        world.wait(seconds);
        assert_eq!(connect(&authenticate, &ticket), denial(expected));
    }
}

#[test]
fn a_store_that_is_down_opens_no_socket() {
    let (world, authenticate) = world();
    let ticket = ticket(&authenticate);
    world.down.store(true, Ordering::Relaxed);
    assert_eq!(
        connect(&authenticate, &ticket),
        denial("authentication_unavailable")
    );
}

#[test]
fn an_event_that_is_none_opens_no_socket() {
    let (_, authenticate) = world();
    let nameless = json!({"type": "REQUEST", "requestContext": {}, "queryStringParameters": {"ticket": ticket(&authenticate)}});
    for event in [json!(null), json!({}), json!([1]), json!("Bearer x"), nameless] {
        let answer = ask(&authenticate, event);
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Deny");
        assert_eq!(answer["context"], json!({"code": "authentication_unavailable"}));
    }
}

// --------------------------------------------------------------- the API

fn call(authenticate: &Authenticate, token: &str) -> Value {
    ask(authenticate, event_with("authorize-http", "TOKEN", token))
}

fn token(secret: &[u8]) -> String {
    let now = UnixNanos(NOW_S * UnixNanos::PER_SECOND);
    let token = sign_token(
        &Secret::new(secret),
        "user-1",
        Tier::Premium,
        Duration::from_secs(600),
        now,
    )
    .unwrap();
    token.expose().to_owned()
}

fn allowed() -> Value {
    json!({
        "isAuthorized": true,
        "context": {"user": "user-1", "tier": "premium", "expires_at_ms": "1795000600000",
                    "proof": "QrHPvTIwzDLVzQJv", "issued_at_ms": "1795000000000"},
    })
}

fn refused(code: &str) -> Value {
    json!({"isAuthorized": false, "context": {"code": code}})
}

#[test]
fn a_token_of_either_secret_may_call() {
    let (_, authenticate) = world();
    assert_eq!(call(&authenticate, &token(CURRENT)), allowed());
    assert_eq!(call(&authenticate, &token(PREVIOUS)), allowed());
    assert_eq!(
        call(&authenticate, &token(FOREIGN)),
        refused("signing_key_unknown")
    );
}

#[test]
fn no_token_may_not_call() {
    let (_, authenticate) = world();
    assert_eq!(
        ask(&authenticate, event("authorize-http-no-token")),
        refused("token_missing")
    );
    assert_eq!(
        ask(&authenticate, event("authorize-http")),
        refused("token_malformed")
    );
    let basic = event_with("authorize-http", "Bearer TOKEN", "Basic dXNlci0xOnNlY3JldA==");
    assert_eq!(ask(&authenticate, basic), refused("token_malformed"));
}

#[test]
fn an_old_or_early_token_may_not_call() {
    let (world, authenticate) = world();
    let token = token(CURRENT);
    world.wait(-6);
    assert_eq!(call(&authenticate, &token), refused("token_not_yet_valid"));
    world.wait(6 + 604);
    assert_eq!(call(&authenticate, &token), allowed());
    world.wait(1);
    assert_eq!(call(&authenticate, &token), refused("token_expired"));
}

#[test]
fn a_token_of_another_algorithm_may_not_call() {
    let (_, authenticate) = world();
    let token = token(CURRENT);
    let (_, rest) = token.split_once('.').unwrap();
    // {"alg":"HS512"}, {"alg":"RS256"}, {"alg":"none"}
    for (header, expected) in [
        ("eyJhbGciOiJIUzUxMiJ9", "wrong_algorithm"),
        ("eyJhbGciOiJSUzI1NiJ9", "wrong_algorithm"),
        ("eyJhbGciOiJub25lIn0", "token_malformed"),
    ] {
        assert_eq!(
            call(&authenticate, &format!("{header}.{rest}")),
            refused(expected)
        );
    }
}

#[test]
fn secrets_that_are_down_let_nobody_call() {
    let (world, authenticate) = world();
    world.down.store(true, Ordering::Relaxed);
    assert_eq!(
        call(&authenticate, &token(CURRENT)),
        refused("authentication_unavailable")
    );
}

#[test]
fn an_event_that_is_none_may_not_call() {
    let (_, authenticate) = world();
    for event in [
        json!({"version": "2.0"}),
        json!({"version": "2.0", "requestContext": 1, "headers": "Bearer x"}),
    ] {
        assert_eq!(ask(&authenticate, event), refused("authentication_unavailable"));
    }
}

//! API keys and revocations, by admins. Every change is a row of the audit
//! before it takes place, and a line of the log with target `audit`.

use std::sync::Arc;

use tickwire_entitlements::{Ban, Banned, Revocation, Revoked, Tier};
use tickwire_market::UnixNanos;
use tickwire_wire::{ErrorBody, ErrorCode};

use crate::access::Access;
use crate::audit::{AUDIT, Audit, allow};
use crate::authenticate::{
    ApiKey, Principal, Scopes, SecretText, clock_skew_s_max, is_proof_id, is_user_name, key_lifetime_s_max,
    token_lifetime_s_max,
};
use crate::open_connection::{Fault, GoodbyeCode, OpenConnection};
use crate::ports::{AccessBook, ApiKeys, AuditRow, AuditRows, Clock, Entropy};

/// The use case.
#[derive(Clone)]
pub struct ManageAccess {
    keys: Arc<dyn ApiKeys>,
    book: Arc<dyn AccessBook>,
    access: Access,
    audit: Audit,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    /// Where sockets can be ended at once; elsewhere they end when something is sent.
    connections: Option<OpenConnection>,
}

impl ManageAccess {
    /// Over its ports.
    pub fn new<S: ApiKeys + AccessBook + AuditRows + 'static>(
        store: Arc<S>,
        access: Access,
        entropy: Arc<dyn Entropy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            keys: store.clone(),
            book: store.clone(),
            access,
            audit: Audit::new(store, clock.clone(), entropy.clone()),
            entropy,
            clock,
            connections: None,
        }
    }

    /// With the sockets of those who are taken back.
    #[must_use]
    pub fn ending(self, connections: OpenConnection) -> Self {
        Self {
            connections: Some(connections),
            ..self
        }
    }

    /// Makes a key; its text is told this once.
    pub async fn create_key(
        &self,
        admin: &Principal,
        (user, tier, scopes): (&str, Tier, Scopes),
        expires_at: UnixNanos,
    ) -> Result<(ApiKey, SecretText), Fault> {
        allow(admin, "create_key")?;
        check_user(user)?;
        let now = self.clock.now();
        let lives = 1..=key_lifetime_s_max * UnixNanos::PER_SECOND;
        if !lives.contains(&expires_at.nanos_since(now)) {
            return Err(invalid("expires_at is not within the next 366 days."));
        }
        if scopes == Scopes::default() {
            return Err(invalid("scopes is empty: name read, stream or manage."));
        }
        let random = (self.entropy.bytes()?, self.entropy.bytes()?);
        let (key, text) = ApiKey::make(random, (user, tier, scopes), now, expires_at);
        let detail = format!(
            "key {} of {user}, {tier}, until {}",
            key.prefix,
            jiff::Timestamp::from(expires_at)
        );
        self.audit.note(admin, "create_key", &detail).await?;
        self.keys.put_key(&key).await?;
        Ok((key, text))
    }

    /// All keys of a user, those that ended among them.
    pub async fn keys(&self, admin: &Principal, user: &str) -> Result<Vec<ApiKey>, Fault> {
        allow(admin, "list_keys")?;
        check_user(user)?;
        let mut keys = self.keys.keys_of(user).await?;
        keys.sort_by_key(|key| key.created_at);
        Ok(keys)
    }

    /// Takes a key back, and ends what was opened with it.
    pub async fn revoke_key(&self, admin: &Principal, prefix: &str) -> Result<ApiKey, Fault> {
        allow(admin, "revoke_key")?;
        let key = self.keys.key(prefix).await?.ok_or_else(|| {
            let message = format!("There is no key {prefix}.");
            ErrorBody::with_message(ErrorCode::NotFound, message)
        })?;
        let detail = format!("key {prefix} of {}", key.user);
        self.audit.note(admin, "revoke_key", &detail).await?;
        let now = self.clock.now();
        let key = ApiKey {
            revoked_at: Some(key.revoked_at.unwrap_or(now)),
            ..key
        };
        self.keys.put_key(&key).await?;
        let revocation = Revocation {
            of: Revoked::Proof(prefix.to_owned()),
            at: now,
            until: key.expires_at,
        };
        self.take_back(&revocation).await?;
        Ok(key)
    }

    /// Takes back a token by its id.
    pub async fn revoke_token(&self, admin: &Principal, id: &str) -> Result<Revocation, Fault> {
        allow(admin, "revoke_token")?;
        if !is_proof_id(id) {
            return Err(invalid("token is not the id of one: write its claim jti."));
        }
        self.audit
            .note(admin, "revoke_token", &format!("token {id}"))
            .await?;
        let revocation = self.of_tokens(Revoked::Proof(id.to_owned()));
        self.take_back(&revocation).await?;
        Ok(revocation)
    }

    /// Takes back all that a user was given up to now, keys too, and ends the user's sockets.
    pub async fn revoke_user(&self, admin: &Principal, user: &str) -> Result<Revocation, Fault> {
        allow(admin, "revoke_user")?;
        check_user(user)?;
        self.audit
            .note(admin, "revoke_user", &format!("user {user}"))
            .await?;
        let revocation = self.of_tokens(Revoked::User(user.to_owned()));
        for key in self.keys.keys_of(user).await? {
            if key.revoked_at.is_none() {
                let revoked_at = Some(revocation.at);
                self.keys.put_key(&ApiKey { revoked_at, ..key }).await?;
            }
        }
        self.take_back(&revocation).await?;
        if let Some(connections) = &self.connections {
            connections.end_all_of(user, GoodbyeCode::Revoked).await?;
        }
        Ok(revocation)
    }

    /// All that is taken back and not forgotten.
    pub async fn revocations(&self, admin: &Principal) -> Result<Vec<Revocation>, Fault> {
        allow(admin, "list_revocations")?;
        let mut revocations = self.book.revocations().await?;
        revocations.sort_by_key(|revocation| std::cmp::Reverse(revocation.at));
        Ok(revocations)
    }

    /// Who is banned from what.
    pub async fn bans(&self, admin: &Principal) -> Result<Vec<Ban>, Fault> {
        allow(admin, "list_bans")?;
        Ok(self.book.bans().await?)
    }

    /// Lifts a ban before its time.
    pub async fn lift_ban(&self, admin: &Principal, of: &Banned) -> Result<(), Fault> {
        allow(admin, "lift_ban")?;
        let name = match of {
            Banned::Address(name) | Banned::Changes(name) => name,
        };
        self.audit
            .note(admin, "lift_ban", &format!("ban of {name}"))
            .await?;
        self.book.lift_ban(of).await?;
        Ok(self.access.raise().await?)
    }

    /// Who changed what on a day, newest first.
    pub async fn audit(&self, admin: &Principal, day: &str, limit: usize) -> Result<Vec<AuditRow>, Fault> {
        allow(admin, "read_audit")?;
        self.audit.read(day, limit).await
    }

    /// In force until no token that it takes back can hold.
    fn of_tokens(&self, of: Revoked) -> Revocation {
        let at = self.clock.now();
        let lives = (token_lifetime_s_max + 2 * clock_skew_s_max) * UnixNanos::PER_SECOND;
        Revocation {
            of,
            at,
            until: at.saturating_add(lives),
        }
    }

    async fn take_back(&self, revocation: &Revocation) -> Result<(), Fault> {
        self.book.put_revocation(revocation).await?;
        // Behind the change: whoever sees the number sees what it is about.
        self.access.raise().await?;
        tracing::info!(target: AUDIT, until = revocation.until.0, "in force");
        Ok(())
    }
}

fn invalid(message: &str) -> Fault {
    ErrorBody::with_message(ErrorCode::ParameterInvalid, message).into()
}

fn check_user(user: &str) -> Result<(), Fault> {
    if is_user_name(user) {
        return Ok(());
    }
    Err(invalid("user is not a name: 1 to 64 of A-Z a-z 0-9 - _ ."))
}

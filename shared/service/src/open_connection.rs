//! Connections: how they begin and how they end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tickwire_entitlements::{Identity, Usage};
use tickwire_market::UnixNanos;
use tickwire_streams::{GroupKey, StreamKey, Universe};
use tickwire_wire::{ErrorBody, ErrorCode, Goodbye, goodbye_push};

use crate::access::Access;
use crate::manage_subscription::heartbeat_s;
use crate::placement::{Placement, shard_of};
use crate::ports::{Clock, ConnectionRow, Connections, Groups, PortError, PortResult, Push, UserConnection};

/// The longest life of a connection, the platform's own.
#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
pub const connection_lifetime_max: Duration = Duration::from_secs(2 * 60 * 60);
/// Connections that may come back in a second: half of what the platform opens.
const RECONNECTS_PER_SECOND: u64 = 250;
/// Shortest wait before a client comes back.
const RECONNECT_WAIT_MIN_MS: u64 = 1_000;
/// Over so long the return of connections is spread that are told one by one.
const RECONNECT_SPREAD_MS: u64 = 20_000;
/// Part of its life before its end at which a connection is told of it.
const FAREWELL_PART: i64 = 24;
/// Goodbyes posted at once.
const GOODBYES_AT_ONCE: usize = 64;
/// For so long the platform may know nothing of a connection that is being opened: it waits 29 s for
/// the function's answer.
const OPENING_MAX: Duration = Duration::from_secs(30);
/// Connections of a user that are asked for at once.
const ASKED_AT_ONCE: usize = 8;
/// When to try again what the store would not do just now.
pub(crate) const RETRY_AFTER_MS: u64 = 1_000;

/// Why something was not done, on its way to a client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The client's doing, or not the client's to have.
    #[error("{}", .0.message)]
    Client(Box<ErrorBody>),
    /// Ours.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<ErrorBody> for Fault {
    fn from(body: ErrorBody) -> Self {
        Self::Client(Box::new(body))
    }
}

impl From<ErrorCode> for Fault {
    fn from(code: ErrorCode) -> Self {
        ErrorBody::from(code).into()
    }
}

impl Fault {
    /// What the client is told; what is ours is logged, and not told.
    pub fn into_body(self) -> ErrorBody {
        match self {
            Self::Client(body) => *body,
            Self::Port(error) if error.is_transient() => {
                tracing::warn!(%error, "a request could not be carried out just now");
                ErrorBody {
                    retry_after_ms: Some(RETRY_AFTER_MS),
                    ..ErrorCode::Unavailable.into()
                }
            }
            Self::Port(error) => {
                tracing::error!(%error, "a request failed");
                ErrorCode::Internal.into()
            }
        }
    }

    /// The code that the client is told.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Client(body) => ErrorCode::ALL
                .iter()
                .copied()
                .find(|code| code.code() == body.code),
            Self::Port(error) if error.is_transient() => Some(ErrorCode::Unavailable),
            Self::Port(_) => Some(ErrorCode::Internal),
        }
    }
}

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoodbyeCode {
    /// It has reached its age.
    Lifetime,
    /// The server stops.
    Shutdown,
    /// The client does not keep up.
    Slow,
    /// The user may not be connected any longer.
    Revoked,
}

impl GoodbyeCode {
    /// As sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Shutdown => "shutdown",
            Self::Slow => "slow",
            Self::Revoked => "revoked",
        }
    }
}

/// What connections need from the world.
#[derive(Clone)]
pub struct ConnectionPorts {
    /// Rows of connections and subscribers.
    pub connections: Arc<dyn Connections>,
    /// Rows of groups, for their shards.
    pub groups: Arc<dyn Groups>,
    /// Goodbyes go here.
    pub push: Arc<dyn Push>,
    /// Whose identity was taken back.
    pub access: Access,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// The use case.
#[derive(Clone)]
pub struct OpenConnection {
    ports: ConnectionPorts,
    placement: Placement,
    universe: Universe,
}

impl OpenConnection {
    /// `universe` is the one that is read unless a client asks for another.
    pub fn new(ports: ConnectionPorts, placement: Placement, universe: Universe) -> Self {
        Self {
            ports,
            placement,
            universe,
        }
    }

    /// Opens a connection for `identity`, within the tier's number of them.
    pub async fn open(&self, connection: &str, identity: &Identity) -> Result<(), Fault> {
        let now = self.ports.clock.now();
        if now >= identity.expires_at {
            return Err(ErrorCode::SessionExpired.into());
        }
        if self.ports.access.is_taken_back(identity).await? {
            return Err(ErrorCode::SessionExpired.into());
        }
        let connections_max = identity.tier.limits().connections_max;
        let too_many = || {
            let message = format!(
                "Tier {} has {connections_max} connections: close one.",
                identity.tier
            );
            ErrorBody {
                retry_after_ms: Some(RETRY_AFTER_MS),
                ..ErrorBody::with_message(ErrorCode::ConnectionsMax, message)
            }
        };
        let user = &identity.user;
        let mut connections = self.ports.connections.connections_of(user).await?;
        if connections.len() >= connections_max as usize {
            self.forget_gone(connections, now).await;
            connections = self.ports.connections.connections_of(user).await?;
        }
        if connections.len() >= connections_max as usize {
            return Err(too_many().into());
        }
        let lifetime_nanos = i64::try_from(connection_lifetime_max.as_nanos()).unwrap_or(i64::MAX);
        let row = ConnectionRow {
            connection: connection.to_owned(),
            user: user.clone(),
            tier: identity.tier,
            universe: self.universe.clone(),
            opened_at: now,
            expires_at: now.saturating_add(lifetime_nanos).min(identity.expires_at),
            proof: identity.proof.clone(),
            request_id: 0,
            subscriptions: Vec::new(),
            owed: None,
            left: BTreeSet::new(),
            changes: Usage::default(),
        };
        self.ports.connections.open(&row).await?;
        // Of those that open at the same moment none is beyond the limit: each counts behind its own row.
        if self.ports.connections.connections_of(user).await?.len() > connections_max as usize {
            self.ports.connections.close(connection, &[]).await?;
            return Err(too_many().into());
        }
        Ok(())
    }

    /// Forgets those of a user's connections whose end nobody was told: the platform does not always
    /// tell, and a post finds them only where something is posted. What fails is tried again by
    /// whoever comes next.
    async fn forget_gone(&self, mut connections: Vec<UserConnection>, now: UnixNanos) {
        let opening = i64::try_from(OPENING_MAX.as_nanos()).unwrap_or(i64::MAX);
        connections.retain(|one| one.opened_at.saturating_add(opening) < now);
        stream::iter(connections)
            .for_each_concurrent(ASKED_AT_ONCE, |UserConnection { connection, .. }| async move {
                let forgotten = match self.ports.push.stands(&connection).await {
                    Ok(true) => return,
                    Ok(false) => self.close(&connection).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = forgotten {
                    tracing::warn!(connection, %error, "failed to look whether a connection stands");
                }
            })
            .await;
    }

    /// Forgets a connection that has ended.
    pub async fn close(&self, connection: &str) -> PortResult<()> {
        forget(
            &*self.ports.connections,
            &*self.ports.groups,
            &self.placement,
            connection,
            None,
        )
        .await
    }

    /// Ends all connections of a user.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn end_all_of(&self, user: &str, code: GoodbyeCode) -> PortResult<()> {
        let connections = self.ports.connections.connections_of(user).await?;
        stream::iter(connections)
            .for_each_concurrent(GOODBYES_AT_ONCE, |one| async move {
                end(&self.ports, &self.placement, &one.connection, code).await;
            })
            .await;
        Ok(())
    }

    /// Tells connections that they will end, and when to come back: one after
    /// the other, so that not all come at once. Failures are theirs to notice.
    pub async fn say_goodbye(&self, connections: &[String], code: GoodbyeCode) {
        let goodbyes = (0u64..).zip(connections).map(|(nth, connection)| async move {
            let wait_ms = RECONNECT_WAIT_MIN_MS + nth * 1_000 / RECONNECTS_PER_SECOND;
            say_goodbye(&*self.ports.push, connection, code, wait_ms).await;
        });
        stream::iter(goodbyes)
            .buffer_unordered(GOODBYES_AT_ONCE)
            .collect::<()>()
            .await;
    }
}

/// Tells a connection that it ends. It may be gone already, which it will notice itself.
pub(crate) async fn say_goodbye(
    push: &dyn Push,
    connection: &str,
    code: GoodbyeCode,
    reconnect_after_ms: u64,
) {
    let goodbye = goodbye_push(&Goodbye {
        code: code.as_str().to_owned(),
        reconnect_after_ms,
    });
    if let Err(error) = push.post(connection, goodbye).await {
        tracing::debug!(connection, %error, "a goodbye was not taken");
    }
}

/// How long a connection that is told by itself waits before it comes back: each another time.
pub(crate) fn wait_ms(connection: &str) -> u64 {
    RECONNECT_WAIT_MIN_MS + u64::from(crc32fast::hash(connection.as_bytes())) % RECONNECT_SPREAD_MS
}

/// Whether a connection is so near its end that it is told. Those that began together are told at
/// different times: over five minutes, where they live for two hours.
pub(crate) fn near_end(row: &ConnectionRow, now: UnixNanos) -> bool {
    let life = row.expires_at.0.saturating_sub(row.opened_at.0);
    // Two pings of a client fall into it, if its life is long enough.
    let pings = 2 * i64::from(heartbeat_s) * UnixNanos::PER_SECOND;
    let ahead = (life / FAREWELL_PART).max(pings).min(life / 4);
    let place = u64::from(crc32fast::hash(row.connection.as_bytes()));
    let jitter = (ahead.unsigned_abs() as u128 * u128::from(place)) >> 32;
    let jitter = i64::try_from(jitter).unwrap_or(0);
    now >= row.expires_at.saturating_add(-ahead - jitter)
}

/// Groups of the streams of a connection.
pub(crate) fn groups_of(row: &ConnectionRow, placement: &Placement) -> BTreeSet<GroupKey> {
    row.subscriptions
        .iter()
        .filter_map(|subscription| subscription.key.parse::<StreamKey>().ok())
        .map(|key| placement.group_of(&row.universe, &key.stream.instrument))
        .chain(row.left.iter().cloned())
        .collect()
}

/// Ends a connection whose time is over before it knows: it is told why, cut off, and forgotten.
/// What fails is found again by whoever looks next.
pub(crate) async fn end(ports: &ConnectionPorts, placement: &Placement, connection: &str, code: GoodbyeCode) {
    say_goodbye(&*ports.push, connection, code, wait_ms(connection)).await;
    if let Err(error) = ports.push.disconnect(connection).await {
        tracing::warn!(connection, %error, "failed to cut off a connection");
        return;
    }
    let (connections, groups) = (&*ports.connections, &*ports.groups);
    if let Err(error) = forget(connections, groups, placement, connection, None).await {
        tracing::warn!(connection, %error, "failed to forget a connection that was cut off");
    }
}

/// Forgets a connection and all its subscribers, that at `here` among them.
pub(crate) async fn forget(
    connections: &dyn Connections,
    groups: &dyn Groups,
    placement: &Placement,
    connection: &str,
    here: Option<(GroupKey, u16)>,
) -> PortResult<()> {
    let mut shards: BTreeSet<(GroupKey, u16)> = here.into_iter().collect();
    // A subscribe that comes in between finds that it is too late, or is in this row.
    if let Some(row) = connections.begin_close(connection).await? {
        for group in groups_of(&row, placement) {
            let count = groups.group(&group).await?.map_or(1, |row| row.shards);
            shards.insert((group, shard_of(connection, count)));
        }
    }
    let shards: Vec<_> = shards.into_iter().collect();
    connections.close(connection, &shards).await
}

/// Whether a connection's time has come.
pub(crate) fn has_expired(row: &ConnectionRow, now: UnixNanos) -> bool {
    now >= row.expires_at
}

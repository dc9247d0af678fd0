//! Ports of connections, their subscribers, and what is posted to them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tickwire_entitlements::{Identity, Proof, Usage};
use tickwire_market::UnixNanos;
use tickwire_streams::GroupKey;

use super::{PortResult, ShardVersion};

/// A stream a connection subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subscription {
    /// Stream key, canonical.
    pub key: String,
    /// The client's handle for it.
    pub s: u32,
    /// Only the latest value matters.
    pub last: bool,
}

/// A connection's subscriptions in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Connection id.
    pub connection: String,
    /// Whose it is: by it is judged what is sent, and its paid streams carry its mark.
    pub identity: Identity,
    /// Its streams in this group.
    pub subscriptions: Vec<Subscription>,
    /// A post failed and the client was not told yet: its next resume clears it.
    pub behind: bool,
}

/// What a connection has in a shard: with no subscriptions it is no subscriber there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The group.
    pub group: GroupKey,
    /// The connection's shard of it.
    pub shard: u16,
    /// Its streams in the group.
    pub subscriptions: Vec<Subscription>,
}

impl Subscribed {
    /// The group and shard.
    pub fn place(&self) -> (GroupKey, u16) {
        (self.group.clone(), self.shard)
    }
}

/// Subscribers that one [`Connections::update`] writes: a transaction of the store has 100 rows.
pub const SUBSCRIBERS_PER_UPDATE_MAX: usize = 99;

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Connection id.
    pub connection: String,
    /// The user.
    pub user: String,
    /// The user's tier.
    pub tier: tickwire_entitlements::Tier,
    /// The world it reads.
    pub universe: tickwire_streams::Universe,
    /// When it was opened.
    pub opened_at: UnixNanos,
    /// When it must end.
    pub expires_at: UnixNanos,
    /// What proved the user's identity.
    pub proof: Proof,
    /// Greatest request id of a change of subscriptions; lower ones lose.
    pub request_id: u64,
    /// All subscriptions, in order of subscription.
    pub subscriptions: Vec<Subscription>,
    /// What it is behind, where that is more than its credit.
    pub owed: Option<Owed>,
    /// Groups of streams that were taken out by the last change, or since: until the next one has
    /// been there too, their subscribers may not show it yet.
    pub left: BTreeSet<GroupKey>,
    /// Changes of the last seconds.
    pub changes: Usage,
}

impl ConnectionRow {
    /// Whose it is, for as long as it lives.
    pub fn identity(&self) -> Identity {
        Identity {
            user: self.user.clone(),
            tier: self.tier,
            expires_at: self.expires_at,
            proof: self.proof.clone(),
        }
    }

    /// As one of its user's.
    pub fn of_user(&self) -> UserConnection {
        UserConnection {
            connection: self.connection.clone(),
            opened_at: self.opened_at,
        }
    }

    /// The subscriber that it is where it has these streams.
    pub fn subscriber(&self, subscriptions: &[Subscription]) -> Subscriber {
        Subscriber {
            connection: self.connection.clone(),
            identity: self.identity(),
            subscriptions: subscriptions.to_vec(),
            behind: false,
        }
    }
}

/// What a connection has to reach within a heartbeat to count as keeping up.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owed {
    /// When it was told.
    pub told_at: UnixNanos,
    /// The tops that it was told, by handle.
    pub tops: std::collections::BTreeMap<u32, tickwire_streams::Offset>,
}

/// Connections and subscribers.
#[async_trait]
pub trait Connections: Send + Sync {
    /// Opens the connection.
    async fn open(&self, row: &ConnectionRow) -> PortResult<()>;
    /// The connection's row, unless its close has begun. Strongly consistent.
    async fn connection(&self, connection: &str) -> PortResult<Option<ConnectionRow>>;
    /// Replaces the row if its stored request id is still `was`, and with it the connection's
    /// subscribers in some shards, [`SUBSCRIBERS_PER_UPDATE_MAX`] at most: all or nothing. Then
    /// raises the versions of those shards, which name the connection. False, and nothing is written, if the id is another,
    /// if there is no row or its close has begun, or if someone else is writing one of the rows.
    async fn update(&self, row: &ConnectionRow, was: u64, subscribed: &[Subscribed]) -> PortResult<bool>;
    /// From now on no [`update`](Self::update) of the connection is written, so that its row names all
    /// the groups in which it may have a subscriber. The row as it stands, also where a close was
    /// cut short; none if there is none.
    async fn begin_close(&self, connection: &str) -> PortResult<Option<ConnectionRow>>;
    /// Forgets a connection and its subscribers in `shards` (group and shard).
    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()>;
    /// Takes streams out of a connection, whose row then names the group as one that it left, and
    /// out of its subscriber in the shard, whatever else changes in them meanwhile; then raises
    /// the shard's version.
    async fn drop_streams(
        &self,
        group: &GroupKey,
        shard: u16,
        connection: &str,
        keys: &[String],
    ) -> PortResult<()>;
    /// A user's connections, from before their rows are there until they are forgotten or their time
    /// is over. Strongly consistent.
    async fn connections_of(&self, user: &str) -> PortResult<Vec<UserConnection>>;
    /// Marks a subscriber as behind; raises no version.
    async fn mark_behind(&self, group: &GroupKey, shard: u16, connection: &str) -> PortResult<()>;
    /// The shard's version. Strongly consistent.
    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<ShardVersion>;
    /// The shard's subscribers. Strongly consistent, read after the version.
    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>>;
    /// Those of the connections named that are subscribers of the shard, in no order. Strongly
    /// consistent, read after the version that names them.
    async fn subscribers_of(
        &self,
        group: &GroupKey,
        shard: u16,
        connections: &[String],
    ) -> PortResult<Vec<Subscriber>>;
}

/// A connection among those of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConnection {
    /// Its name.
    pub connection: String,
    /// When it was opened.
    pub opened_at: UnixNanos,
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// The platform took it.
    Taken,
    /// The connection is gone: forget it.
    Gone,
}

/// Posts to connections.
#[async_trait]
pub trait Push: Send + Sync {
    /// Posts one frame.
    async fn post(&self, connection: &str, frame: String) -> PortResult<Posted>;
    /// Posts one frame if it can be taken at once, and otherwise gives it back. Who posts over a
    /// network never can.
    fn post_at_once(&self, connection: &str, frame: String) -> Result<(), String> {
        let _ = connection;
        Err(frame)
    }
    /// Whether the connection stands, as far as the platform knows. It does not yet while it is
    /// being opened.
    async fn stands(&self, connection: &str) -> PortResult<bool>;
    /// Ends the connection.
    async fn disconnect(&self, connection: &str) -> PortResult<()>;
}

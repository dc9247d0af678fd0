//! Twins in memory of the ports around sockets and access, for tests: who is
//! connected, what was posted to whom, and what goes wrong with a post.

mod access;
mod house;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use tickwire_entitlements::{Ban, Grant, Policy, Product, Revocation, Usage};
use tickwire_market::UnixNanos;
use tickwire_streams::GroupKey;

use crate::authenticate::ApiKey;
use crate::ports::{
    AuditRow, Clock as _, ConnectionRow, Connections, PortError, PortResult, Posted, Push, ShardVersion,
    Subscribed, Subscriber, Subscription, TicketGrant, Timer, UserConnection,
};
use crate::testing::Store;

pub use house::{House, NOW, PRICED};

/// What becomes of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// It is taken.
    Taken,
    /// The connection is gone.
    Gone,
    /// The platform asks for less.
    Throttled,
    /// It is taken, and the answer is lost.
    Lost,
    /// It never comes back.
    Never,
}

/// Connections that a shard's version names here: so few that tests forget some.
const CHANGES_MAX: usize = 4;

type Script = Box<dyn FnMut(&str) -> Post + Send>;
type SubscriberRows = BTreeMap<(GroupKey, u16), BTreeMap<String, Subscriber>>;

/// What is stored and what was posted. Fields may be looked at, and spoiled, by a test.
#[derive(Default)]
pub struct SocketContent {
    /// Open connections.
    pub connections: BTreeMap<String, ConnectionRow>,
    /// Those of them whose close has begun.
    pub closing: BTreeSet<String>,
    /// Subscribers by shard.
    pub subscribers: SubscriberRows,
    /// Versions of shards.
    pub versions: BTreeMap<(GroupKey, u16), ShardVersion>,
    /// Frames that were taken, by connection, in order.
    pub frames: BTreeMap<String, Vec<String>>,
    /// Posts, whatever became of them.
    pub posts: u64,
    /// Frames that are taken at once yet; the others are posted by a call.
    pub at_once: usize,
    /// Connections that do not stand: the server ended them, or a test says so.
    pub ended: BTreeSet<String>,
    /// Calls that fail, by name, until they are taken out.
    pub down: BTreeSet<&'static str>,
    /// Calls so far, by name.
    pub calls: BTreeMap<&'static str, u64>,
    /// Grants of all users.
    pub grants: Vec<Grant>,
    /// Products by name.
    pub products: BTreeMap<String, Product>,
    /// Raised by every change of what someone may do or get.
    pub access_epoch: u64,
    /// What was taken back.
    pub revocations: Vec<Revocation>,
    /// Who is banned.
    pub bans: Vec<Ban>,
    /// API keys by prefix.
    pub keys: BTreeMap<String, ApiKey>,
    /// What was used.
    pub usage: BTreeMap<String, Usage>,
    /// Who changed what, by day.
    pub audit: Vec<(String, AuditRow)>,
    /// Tickets by hash.
    pub tickets: BTreeMap<String, TicketGrant>,
    script: Option<Script>,
}

/// Connections, posts, grants, tickets and one secret.
#[derive(Default)]
pub struct Sockets {
    content: Mutex<SocketContent>,
    pauses: AtomicBool,
}

/// The secret that signs tokens, by any name.
pub const SECRET: &[u8] = b"a secret of 32 bytes for testing";

impl SocketContent {
    fn raise(&mut self, shard: (GroupKey, u16), connection: &str) {
        let version = self.versions.entry(shard).or_default();
        version.raise(connection, CHANGES_MAX);
    }
}

impl Sockets {
    /// Nobody is connected.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What is stored.
    pub fn content(&self) -> MutexGuard<'_, SocketContent> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a post to a connection becomes what `script` says.
    pub fn on_post(&self, script: impl FnMut(&str) -> Post + Send + 'static) {
        self.content().script = Some(Box::new(script));
    }

    /// Sells a product, of which each version has one set of patterns.
    pub fn sell(&self, name: &str, policy: Policy, versions: &[&[&str]]) {
        let mut product = Product::new(name, policy);
        for patterns in versions {
            let patterns = patterns.iter().filter_map(|text| text.parse().ok()).collect();
            // What is refused is missing, which a test sees.
            let _ = product.publish(patterns, NOW);
        }
        self.content().products.insert(name.to_owned(), product);
    }

    /// Sells and grants what the tables of ACCESS.md speak of: `gold`, all minute bars of an
    /// instrument, and `bronze`, which is retired.
    pub fn grant_as_the_tables_say(&self) {
        self.sell("gold", Policy::Auto, &[&["BINANCE@BTCUSDT@SPOT:1m:*"]]);
        self.sell("bronze", Policy::Auto, &[&["*:*:*"]]);
        let mut content = self.content();
        if let Some(bronze) = content.products.get_mut("bronze") {
            bronze.retire(NOW);
        }
        content.grants.extend(["gold", "bronze"].map(|product| Grant {
            user: "asha".to_owned(),
            product: product.to_owned(),
            from: NOW,
            until: UnixNanos(i64::MAX),
            trial: false,
            version: 1,
        }));
    }

    /// Takes the frames that a connection got since the last time.
    pub fn take_frames(&self, connection: &str) -> Vec<String> {
        self.content().frames.remove(connection).unwrap_or_default()
    }

    /// From now on others come first at each call, once.
    pub fn pause_at_calls(&self) {
        self.pauses.store(true, Ordering::Relaxed);
    }

    async fn call<T>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut SocketContent) -> T,
    ) -> PortResult<T> {
        if self.pauses.load(Ordering::Relaxed) {
            turns(1).await;
        }
        let mut content = self.content();
        *content.calls.entry(what).or_default() += 1;
        if content.down.contains(what) {
            return Err(PortError::Unavailable {
                what,
                why: "told to fail".to_owned(),
            });
        }
        Ok(effect(&mut content))
    }
}

#[async_trait]
impl Connections for Sockets {
    async fn open(&self, row: &ConnectionRow) -> PortResult<()> {
        self.call("open", |content| {
            content.connections.insert(row.connection.clone(), row.clone());
        })
        .await
    }

    async fn connection(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        self.call("connection", |content| {
            let row = content.connections.get(connection);
            row.filter(|_| !content.closing.contains(connection)).cloned()
        })
        .await
    }

    async fn update(&self, row: &ConnectionRow, was: u64, subscribed: &[Subscribed]) -> PortResult<bool> {
        let is_written = self
            .call("update", |content| {
                let is_closing = content.closing.contains(&row.connection);
                let stands = content.connections.get_mut(&row.connection);
                let Some(stands) = stands.filter(|stands| stands.request_id == was && !is_closing) else {
                    return false;
                };
                *stands = row.clone();
                for there in subscribed {
                    let rows = content.subscribers.entry(there.place()).or_default();
                    if there.subscriptions.is_empty() {
                        rows.remove(&row.connection);
                    } else {
                        rows.insert(row.connection.clone(), row.subscriber(&there.subscriptions));
                    }
                }
                true
            })
            .await?;
        if !is_written {
            return Ok(false);
        }
        for there in subscribed {
            self.call("raise_version", |content| {
                content.raise(there.place(), &row.connection);
            })
            .await?;
        }
        Ok(true)
    }

    async fn begin_close(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        self.call("begin_close", |content| {
            let row = content.connections.get(connection)?;
            content.closing.insert(connection.to_owned());
            Some(row.clone())
        })
        .await
    }

    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()> {
        self.call("close", |content| {
            for shard in shards {
                if let Some(rows) = content.subscribers.get_mut(shard) {
                    rows.remove(connection);
                }
                content.raise(shard.clone(), connection);
            }
            content.connections.remove(connection);
            content.closing.remove(connection);
        })
        .await
    }

    async fn drop_streams(
        &self,
        group: &GroupKey,
        shard: u16,
        connection: &str,
        keys: &[String],
    ) -> PortResult<()> {
        self.call("drop_streams", |content| {
            let stays = |subscription: &Subscription| !keys.contains(&subscription.key);
            if let Some(row) = content.connections.get_mut(connection) {
                row.subscriptions.retain(stays);
                row.left.insert(group.clone());
            }
            let place = (group.clone(), shard);
            let rows = content.subscribers.entry(place.clone()).or_default();
            if let Some(row) = rows.get_mut(connection) {
                row.subscriptions.retain(stays);
                if row.subscriptions.is_empty() {
                    rows.remove(connection);
                }
            }
            content.raise(place, connection);
        })
        .await
    }

    async fn connections_of(&self, user: &str) -> PortResult<Vec<UserConnection>> {
        self.call("connections_of", |content| {
            let rows = content.connections.values().filter(|row| row.user == user);
            rows.map(ConnectionRow::of_user).collect()
        })
        .await
    }

    async fn mark_behind(&self, group: &GroupKey, shard: u16, connection: &str) -> PortResult<()> {
        self.call("mark_behind", |content| {
            let rows = content.subscribers.get_mut(&(group.clone(), shard));
            if let Some(row) = rows.and_then(|rows| rows.get_mut(connection)) {
                row.behind = true;
            }
        })
        .await
    }

    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<ShardVersion> {
        self.call("shard_version", |content| {
            let version = content.versions.get(&(group.clone(), shard));
            version.cloned().unwrap_or_default()
        })
        .await
    }

    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>> {
        self.call("subscribers", |content| {
            let rows = content.subscribers.get(&(group.clone(), shard));
            rows.into_iter().flat_map(BTreeMap::values).cloned().collect()
        })
        .await
    }

    async fn subscribers_of(
        &self,
        group: &GroupKey,
        shard: u16,
        connections: &[String],
    ) -> PortResult<Vec<Subscriber>> {
        self.call("subscribers_of", |content| {
            let rows = content.subscribers.get(&(group.clone(), shard));
            let rows = rows.map(|rows| connections.iter().filter_map(|name| rows.get(name)));
            rows.into_iter().flatten().cloned().collect()
        })
        .await
    }
}

#[async_trait]
impl Push for Sockets {
    async fn post(&self, connection: &str, frame: String) -> PortResult<Posted> {
        let what = "post";
        let outcome = self
            .call(what, |content| {
                content.posts += 1;
                let outcome = content
                    .script
                    .as_mut()
                    .map_or(Post::Taken, |script| script(connection));
                if matches!(outcome, Post::Taken | Post::Lost) {
                    content
                        .frames
                        .entry(connection.to_owned())
                        .or_default()
                        .push(frame);
                }
                outcome
            })
            .await?;
        match outcome {
            Post::Taken => Ok(Posted::Taken),
            Post::Gone => Ok(Posted::Gone),
            Post::Throttled => Err(PortError::Throttled { what }),
            Post::Lost => Err(PortError::Unavailable {
                what,
                why: "told to lose the answer".to_owned(),
            }),
            Post::Never => std::future::pending().await,
        }
    }

    fn post_at_once(&self, connection: &str, frame: String) -> Result<(), String> {
        let mut content = self.content();
        let Some(left) = content.at_once.checked_sub(1) else {
            return Err(frame);
        };
        content.at_once = left;
        let frames = content.frames.entry(connection.to_owned()).or_default();
        frames.push(frame);
        Ok(())
    }

    async fn stands(&self, connection: &str) -> PortResult<bool> {
        self.call("stands", |content| !content.ended.contains(connection))
            .await
    }

    async fn disconnect(&self, connection: &str) -> PortResult<()> {
        self.call("disconnect", |content| {
            content.ended.insert(connection.to_owned());
        })
        .await
    }
}

/// Lets others come first, so many times.
async fn turns(mut left: u32) {
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A timer that counts turns: a budget runs out when what it bounds has not
/// come back after so many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns(pub u32);

#[async_trait]
impl Timer for Turns {
    async fn sleep(&self, _: Duration) {
        turns(self.0).await;
    }
}

/// A timer for whose waits time passes, a millisecond a turn.
#[derive(Clone, Debug)]
pub struct Passing(pub Arc<Store>);

#[async_trait]
impl Timer for Passing {
    async fn sleep(&self, duration: Duration) {
        let clock = self.0.process();
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let until = clock.now().saturating_add(nanos);
        while clock.now() < until {
            self.0.advance(Duration::from_millis(1));
            turns(1).await;
        }
    }
}

//! Connections, posts, grants.

use async_trait::async_trait;
use tickwire_entitlements::{Ban, Banned, Grant, Product, Revocation, Usage};
use tickwire_service::ports::{
    AccessBook, Clock as _, ConnectionRow, Connections, Grants, PortError, PortResult, Posted, Push,
    ShardVersion, Subscribed, Subscriber, Subscription, Swapped, UsageRows, UserConnection,
};
use tickwire_streams::GroupKey;

use super::Ports;
use crate::fault::Fault;
use crate::planted::{Bug, rewrite_conflated};
use crate::truth::Promise;
use crate::world::{MILLISECOND, SECOND, connection_place};

#[async_trait]
impl Connections for Ports {
    async fn open(&self, row: &ConnectionRow) -> PortResult<()> {
        self.call("open", |world| {
            world
                .sockets
                .connections
                .insert(row.connection.clone(), row.clone());
            Ok(())
        })
        .await
    }

    async fn connection(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        self.call("connection", |world| {
            let row = world.sockets.connections.get(connection);
            let open = row.filter(|_| !world.sockets.closing.contains(connection));
            Ok(open.cloned())
        })
        .await
    }

    async fn update(&self, row: &ConnectionRow, was: u64, subscribed: &[Subscribed]) -> PortResult<bool> {
        let is_written = self
            .call("update", |world| {
                let is_closing = world.sockets.closing.contains(&row.connection);
                let stored = world.sockets.connections.get_mut(&row.connection);
                let Some(stored) = stored.filter(|stored| stored.request_id == was && !is_closing) else {
                    return Ok(false);
                };
                *stored = row.clone();
                for there in subscribed {
                    let rows = world.sockets.subscribers.entry(there.place()).or_default();
                    if there.subscriptions.is_empty() {
                        rows.remove(&row.connection);
                    } else {
                        rows.insert(row.connection.clone(), row.subscriber(&there.subscriptions));
                    }
                }
                Ok(true)
            })
            .await?;
        if !is_written {
            return Ok(false);
        }
        // The rows and the versions behind them are several effects.
        for there in subscribed {
            self.call("raise_version", |world| {
                world.raise_version(there.place(), &row.connection);
                Ok(())
            })
            .await?;
        }
        Ok(true)
    }

    async fn begin_close(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        self.call("begin_close", |world| {
            let row = world.sockets.connections.get(connection).cloned();
            if row.is_some() && !world.has(Bug::CloseNotNoted) {
                world.sockets.closing.insert(connection.to_owned());
            }
            Ok(row)
        })
        .await
    }

    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()> {
        for shard in shards {
            self.call("close", |world| {
                let rows = world.sockets.subscribers.get_mut(shard);
                rows.and_then(|rows| rows.remove(connection));
                Ok(())
            })
            .await?;
            self.call("raise_version", |world| {
                world.raise_version(shard.clone(), connection);
                Ok(())
            })
            .await?;
        }
        self.call("close", |world| {
            world.sockets.connections.remove(connection);
            world.sockets.closing.remove(connection);
            let mut places = world.sockets.subscribers.iter();
            if let Some(((group, shard), _)) = places.find(|(_, rows)| rows.contains_key(connection)) {
                let what = format!("{connection} is closed, and stays a subscriber of {group}#{shard}");
                world.violate(Promise::Forgotten, what);
            }
            Ok(())
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
        let place = (group.clone(), shard);
        let stays = |subscription: &Subscription| !keys.contains(&subscription.key);
        self.call("drop_streams", |world| {
            if let Some(row) = world.sockets.connections.get_mut(connection) {
                row.subscriptions.retain(stays);
                row.left.insert(group.clone());
            }
            Ok(())
        })
        .await?;
        self.call("drop_streams", |world| {
            let rows = world.sockets.subscribers.entry(place.clone()).or_default();
            if let Some(row) = rows.get_mut(connection) {
                row.subscriptions.retain(stays);
            }
            Ok(())
        })
        .await?;
        self.call("raise_version", |world| {
            world.raise_version(place, connection);
            Ok(())
        })
        .await
    }

    async fn connections_of(&self, user: &str) -> PortResult<Vec<UserConnection>> {
        self.call("connections_of", |world| {
            let rows = world.sockets.connections.values();
            let of_user = rows.filter(|row| row.user == user);
            Ok(of_user.map(ConnectionRow::of_user).collect())
        })
        .await
    }

    async fn mark_behind(&self, group: &GroupKey, shard: u16, connection: &str) -> PortResult<()> {
        self.call("mark_behind", |world| {
            let rows = world.sockets.subscribers.get_mut(&(group.clone(), shard));
            if let Some(row) = rows.and_then(|rows| rows.get_mut(connection)) {
                row.behind = true;
            }
            Ok(())
        })
        .await
    }

    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<ShardVersion> {
        let place = (group.clone(), shard);
        if self.has(Bug::CachedSubscribers)
            && let Some(version) = self.memory().versions.get(&place)
        {
            return Ok(version.clone());
        }
        let version = self
            .call("shard_version", |world| {
                world.looked_at[self.process] = world.now;
                let shard = (self.process, group.clone(), shard);
                world.shards_looked_at.insert(shard, world.now);
                let version = world.sockets.versions.get(&place);
                Ok(version.cloned().unwrap_or_default())
            })
            .await?;
        self.memory().versions.insert(place, version.clone());
        Ok(version)
    }

    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>> {
        self.call("subscribers", |world| {
            let rows = world.sockets.subscribers.get(&(group.clone(), shard));
            Ok(rows.map_or_else(Vec::new, |rows| rows.values().cloned().collect()))
        })
        .await
    }

    async fn subscribers_of(
        &self,
        group: &GroupKey,
        shard: u16,
        connections: &[String],
    ) -> PortResult<Vec<Subscriber>> {
        self.call("subscribers_of", |world| {
            let rows = world.sockets.subscribers.get(&(group.clone(), shard));
            let rows = rows.map(|rows| connections.iter().filter_map(|name| rows.get(name)));
            Ok(rows.into_iter().flatten().cloned().collect())
        })
        .await
    }
}

#[async_trait]
impl Push for Ports {
    async fn post(&self, connection: &str, frame: String) -> PortResult<Posted> {
        let frame = match self.has(Bug::PrevFromSends) {
            true => self.memory().rewrite_prev(connection, &frame),
            false => frame,
        };
        let frame = match () {
            () if self.has(Bug::OldestKept) => self.world.lock().with_oldest(connection, &frame),
            () if self.has(Bug::SkipsNotTold) => rewrite_conflated(&frame, |_, _, count, item| {
                Some(item.replacen(&format!(r#""n":{count},"#), "", 1))
            }),
            () => frame,
        };
        let now = self.now();
        if let Some(posts) = &mut self.memory().posts
            && !posts.take(now, 1)
        {
            return Err(PortError::Throttled { what: "post" });
        }
        let course = {
            let mut world = self.world.lock();
            if world.is_beyond_quota() || world.dice.acts(Fault::TooMany) {
                return Err(PortError::Throttled { what: "post" });
            }
            let mut course = world.course(self.process, "post");
            if world.dice.acts(Fault::SlowPost) {
                course.before += world.dice.range(Fault::SlowPost, 100 * MILLISECOND, 4 * SECOND);
            }
            course
        };
        self.run(course, "post", |world| {
            Ok(world.post(self.process, connection, frame))
        })
        .await
    }

    async fn stands(&self, connection: &str) -> PortResult<bool> {
        self.call("stands", |world| Ok(world.standing(connection).is_some()))
            .await
    }

    async fn disconnect(&self, connection: &str) -> PortResult<()> {
        self.call("disconnect", |world| {
            if let Some(connection) =
                connection_place(connection).and_then(|place| world.connections.get_mut(place))
            {
                connection.open = false;
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl AccessBook for Ports {
    async fn access_epoch(&self) -> PortResult<u64> {
        self.call("access_epoch", |world| Ok(world.sockets.access_epoch))
            .await
    }

    async fn raise_access_epoch(&self) -> PortResult<()> {
        self.call("raise_access_epoch", |world| {
            world.sockets.access_epoch += 1;
            Ok(())
        })
        .await
    }

    async fn revocations(&self) -> PortResult<Vec<Revocation>> {
        self.call("revocations", |_| Ok(Vec::new())).await
    }

    async fn put_revocation(&self, _: &Revocation) -> PortResult<()> {
        self.call("put_revocation", |_| Ok(())).await
    }

    async fn bans(&self) -> PortResult<Vec<Ban>> {
        Ok(Vec::new())
    }

    async fn put_ban(&self, _: &Ban) -> PortResult<()> {
        self.call("put_ban", |_| Ok(())).await
    }

    async fn lift_ban(&self, _: &Banned) -> PortResult<()> {
        self.call("lift_ban", |_| Ok(())).await
    }
}

#[async_trait]
impl UsageRows for Ports {
    async fn usage(&self, name: &str) -> PortResult<Option<Usage>> {
        self.call("usage", |world| Ok(world.sockets.usage.get(name).cloned()))
            .await
    }

    async fn swap_usage(&self, name: &str, was: Option<&Usage>, usage: &Usage) -> PortResult<Swapped> {
        self.call("swap_usage", |world| {
            let stands = world.sockets.usage.get(name);
            if stands != was && !world.has(Bug::UsageNotCompared) {
                return Ok(Err(stands.cloned()));
            }
            world.sockets.usage.insert(name.to_owned(), usage.clone());
            Ok(Ok(()))
        })
        .await
    }
}

#[async_trait]
impl Grants for Ports {
    async fn grants(&self, user: &str) -> PortResult<Vec<Grant>> {
        if self.has(Bug::GrantsCached)
            && let Some(grants) = self.memory().grants.get(user)
        {
            return Ok(grants.clone());
        }
        let grants: Vec<Grant> = self
            .call("grants", |world| {
                Ok(world
                    .sockets
                    .grants
                    .iter()
                    .filter(|grant| grant.user == user)
                    .cloned()
                    .collect())
            })
            .await?;
        self.memory().grants.insert(user.to_owned(), grants.clone());
        Ok(grants)
    }

    async fn products(&self, names: &[String]) -> PortResult<Vec<Product>> {
        self.call("products", |world| {
            let named = names.iter().filter_map(|name| world.sockets.products.get(name));
            Ok(named.cloned().collect())
        })
        .await
    }
}

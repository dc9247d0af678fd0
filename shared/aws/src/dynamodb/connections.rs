//! Table `connections`, by the beginning of `pk`:
//! - `c#{connection}`, `sk` `-`: the connection;
//! - `u#{user}`, `sk` the connection: one of the user's connections;
//! - `s#{group}#{shard}`, `sk` the connection: a subscriber;
//! - `v#{group}#{shard}`, `sk` `-`: the shard's version; `c:{connection}` is the version of that
//!   one's last change, as long as it is one of the newest.
//!
//! Rows of connections and subscribers expire an hour after the longest life
//! of a connection, for those whose end was never told.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tickwire_entitlements::{Identity, Proof, Tier};
use tickwire_market::UnixNanos;
use tickwire_service::ports::{
    ConnectionRow, Connections, PortError, PortResult, SHARD_CHANGES_MAX, ShardVersion, Subscribed,
    Subscriber, Subscription, UserConnection,
};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Change, Expression, Query, Written};
use super::item::{self, Item, unreadable};
use super::{Dynamo, SORT_KEY};
use crate::limits::connection_lifetime_max;

/// Sort key of a row that is alone in its partition.
const ALONE: &str = "-";
/// Rows outlive their connection by so much.
const KEPT_SECONDS: i64 = 3_600;

const USER: &str = "of";
const TIER: &str = "tier";
const UNIVERSE: &str = "universe";
const OPENED_AT: &str = "opened_at";
const EXPIRES_AT: &str = "expires_at";
const REQUEST_ID: &str = "request_id";
const SUBSCRIPTIONS: &str = "subscriptions";
const OWED: &str = "owed";
const BEHIND: &str = "behind";
const VERSION: &str = "version";
const NAMED: &str = "named";
const NAMED_AFTER: &str = "named_after";
/// Attributes of a shard's version that begin so name a connection.
const CHANGE: &str = "c:";
/// Whoever makes a version of a multiple of this looks whether names are to be forgotten.
const FORGETS_EVERY: u64 = 8;
const LEFT: &str = "left_groups";
const CHANGES: &str = "changes_text";
const IS_CLOSING: &str = "is_closing";
/// Times that streams are taken out while others change them at the same time.
const DROP_TRIES_MAX: usize = 8;

fn connection_key(connection: &str) -> Item {
    Item::under(&format!("c#{connection}"), ALONE)
}

fn user_key(user: &str, connection: &str) -> Item {
    Item::under(&format!("u#{user}"), connection)
}

fn shard_partition(group: &GroupKey, shard: u16) -> String {
    format!("s#{group}#{shard}")
}

fn version_key(group: &GroupKey, shard: u16) -> Item {
    Item::under(&format!("v#{group}#{shard}"), ALONE)
}

fn json_text(what: &'static str, value: &impl serde::Serialize) -> PortResult<String> {
    serde_json::to_string(value).map_err(|e| PortError::Refused {
        what,
        why: e.to_string(),
    })
}

fn read_subscriptions(what: &'static str, row: &Item) -> PortResult<Vec<Subscription>> {
    serde_json::from_str(row.get_text(what, SUBSCRIPTIONS)?).map_err(|_| unreadable(what, SUBSCRIPTIONS))
}

fn left_text(left: &BTreeSet<GroupKey>) -> String {
    let left: Vec<&str> = left.iter().map(GroupKey::as_str).collect();
    left.join(" ")
}

/// The groups that the last change left; rows of before there were any name none.
fn read_left(what: &'static str, row: &Item) -> PortResult<BTreeSet<GroupKey>> {
    let text = row.get_text(what, LEFT).unwrap_or_default();
    let groups = text.split_ascii_whitespace();
    groups
        .map(|group| group.parse().map_err(|_| unreadable(what, LEFT)))
        .collect()
}

/// What is stored before the identity of a subscriber was: of nobody, which opens nothing that is paid for.
fn read_identity(what: &'static str, row: &Item) -> PortResult<Identity> {
    let Ok(tier) = row.get_text(what, TIER) else {
        return Ok(Identity {
            user: row.get_text(what, USER).unwrap_or_default().to_owned(),
            tier: Tier::Free,
            expires_at: UnixNanos(i64::MAX),
            proof: Proof::default(),
        });
    };
    Ok(Identity {
        user: row.get_text(what, USER)?.to_owned(),
        tier: tier.parse().map_err(|_| unreadable(what, TIER))?,
        expires_at: UnixNanos(row.get_number(what, EXPIRES_AT)?),
        proof: item::proof_of(row),
    })
}

fn item_of(what: &'static str, row: &ConnectionRow) -> PortResult<Item> {
    let item = connection_key(&row.connection)
        .text(USER, &row.user)
        .text(TIER, &row.tier.to_string())
        .proof(&row.proof)
        .text(LEFT, &left_text(&row.left))
        .text(CHANGES, &serde_json::to_string(&row.changes).unwrap_or_default())
        .text(UNIVERSE, row.universe.as_str())
        .number(OPENED_AT, row.opened_at.0)
        .number(EXPIRES_AT, row.expires_at.0)
        .number(REQUEST_ID, row.request_id)
        .text(SUBSCRIPTIONS, &json_text(what, &row.subscriptions)?)
        .expires(row.expires_at.millis() / 1_000 + KEPT_SECONDS);
    Ok(match &row.owed {
        None => item,
        Some(owed) => item.text(OWED, &json_text(what, owed)?),
    })
}

fn row_of(what: &'static str, connection: &str, item: &Item) -> PortResult<ConnectionRow> {
    Ok(ConnectionRow {
        connection: connection.to_owned(),
        user: item.get_text(what, USER)?.to_owned(),
        tier: item
            .get_text(what, TIER)?
            .parse()
            .map_err(|_| unreadable(what, TIER))?,
        universe: item
            .get_text(what, UNIVERSE)?
            .parse()
            .map_err(|_| unreadable(what, UNIVERSE))?,
        opened_at: UnixNanos(item.get_number(what, OPENED_AT)?),
        expires_at: UnixNanos(item.get_number(what, EXPIRES_AT)?),
        proof: item::proof_of(item),
        left: read_left(what, item)?,
        // Rows of before they were counted name none.
        changes: item
            .get_text(what, CHANGES)
            .ok()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
        request_id: item.get_number(what, REQUEST_ID)?,
        subscriptions: read_subscriptions(what, item)?,
        owed: match item.find_text(OWED) {
            None => None,
            Some(text) => Some(serde_json::from_str(text).map_err(|_| unreadable(what, OWED))?),
        },
    })
}

/// A shard's version; rows of before changes were named have none of the counts.
fn version_of(what: &'static str, row: &Item) -> PortResult<ShardVersion> {
    let version: u64 = row.get_number(what, VERSION)?;
    let named: u64 = row.get_number(what, NAMED).unwrap_or_default();
    let changes = row.0.iter().filter_map(|(name, value)| {
        let at = value.as_n().ok().and_then(|at| at.parse().ok());
        Some((name.strip_prefix(CHANGE)?.to_owned(), at?))
    });
    Ok(ShardVersion {
        version,
        unnamed: version.saturating_sub(named),
        named_after: row.get_number(what, NAMED_AFTER).unwrap_or_default(),
        changes: changes.collect(),
    })
}

fn subscriber_of(what: &'static str, row: &Item) -> PortResult<Subscriber> {
    Ok(Subscriber {
        connection: row.get_text(what, SORT_KEY)?.to_owned(),
        identity: read_identity(what, row)?,
        subscriptions: read_subscriptions(what, row)?,
        behind: row.get_flag(what, BEHIND)?,
    })
}

impl Dynamo {
    /// Takes streams out of a row that has a list of them; that of a connection names the group
    /// that they are `of` as one that it left.
    async fn drop_from(
        &self,
        what: &'static str,
        key: Item,
        keys: &[String],
        of: Option<&GroupKey>,
    ) -> PortResult<()> {
        for _ in 0..DROP_TRIES_MAX {
            let Some(row) = self.get(what, Table::Connections, key.clone()).await? else {
                return Ok(());
            };
            let was = row.get_text(what, SUBSCRIPTIONS)?;
            let mut subscriptions = read_subscriptions(what, &row)?;
            let before = subscriptions.len();
            subscriptions.retain(|subscription| !keys.contains(&subscription.key));
            if subscriptions.len() == before {
                return Ok(());
            }
            let change = match of {
                None => Expression::new("SET subscriptions = :now"),
                Some(group) => {
                    let mut left = read_left(what, &row)?;
                    left.insert(group.clone());
                    Expression::new("SET subscriptions = :now, left_groups = :left")
                        .text(":left", &left_text(&left))
                }
            };
            let change = change
                .text(":now", &json_text(what, &subscriptions)?)
                .text(":was", was);
            let unchanged = Some("subscriptions = :was");
            let dropped = self
                .update(what, Table::Connections, key.clone(), change, unchanged)
                .await?;
            if dropped.is_some() {
                return Ok(());
            }
        }
        Err(PortError::Unavailable {
            what,
            why: "others change the row all the time".into(),
        })
    }

    /// What becomes of the row of a subscriber.
    fn subscriber_change(
        &self,
        what: &'static str,
        row: &ConnectionRow,
        there: &Subscribed,
    ) -> PortResult<Change> {
        let item = Item::under(&shard_partition(&there.group, there.shard), &row.connection);
        if there.subscriptions.is_empty() {
            return Ok(Change::Delete(item));
        }
        let Subscriber {
            connection: _,
            identity,
            subscriptions,
            behind,
        } = row.subscriber(&there.subscriptions);
        Ok(Change::Put(
            item.text(SUBSCRIPTIONS, &json_text(what, &subscriptions)?)
                .text(USER, &identity.user)
                .text(TIER, &identity.tier.to_string())
                .number(EXPIRES_AT, identity.expires_at.0)
                .proof(&identity.proof)
                .flag(BEHIND, behind)
                .expires(self.second() + connection_lifetime_max.as_secs() as i64 + KEPT_SECONDS),
        ))
    }

    /// The subscribers of these rows whose life has not ended.
    fn living(&self, what: &'static str, rows: &[Item]) -> PortResult<Vec<Subscriber>> {
        let second = self.second();
        let living = rows.iter().filter(|row| !row.has_expired(second));
        living.map(|row| subscriber_of(what, row)).collect()
    }

    fn second(&self) -> i64 {
        self.clock.now().millis() / 1_000
    }

    async fn raise_version(
        &self,
        what: &'static str,
        (group, shard): (&GroupKey, u16),
        connection: &str,
    ) -> PortResult<()> {
        // Each part of it is computed from the row as it was.
        let raise = Expression::new(
            "SET version = if_not_exists(version, :none) + :one, \
             named = if_not_exists(named, :none) + :one, \
             #connection = if_not_exists(version, :none) + :one",
        );
        let raise = raise
            .name("#connection", format!("{CHANGE}{connection}"))
            .number(":none", 0)
            .number(":one", 1);
        let key = version_key(group, shard);
        let raised = self
            .update(what, Table::Connections, key.clone(), raise, None)
            .await?;
        let version = raised.map(|row| version_of(what, &row)).transpose()?;
        let version = version.unwrap_or_default();
        if version.version.is_multiple_of(FORGETS_EVERY) {
            // The change is made and named: where this fails, whoever comes next forgets them.
            let _ = self.forget_changes(what, key, &version).await;
        }
        Ok(())
    }

    /// Takes the oldest names out of a shard's version, where it has too many.
    async fn forget_changes(&self, what: &'static str, key: Item, version: &ShardVersion) -> PortResult<()> {
        let surplus = version.surplus(SHARD_CHANGES_MAX);
        let Some((_, named_after)) = surplus.last() else {
            return Ok(());
        };
        let places = || 0..surplus.len();
        let removed: Vec<_> = places().map(|n| format!("#c{n}")).collect();
        let forget = format!("SET named_after = :named_after REMOVE {}", removed.join(", "));
        let mut forget = Expression::new(forget).number(":named_after", named_after);
        for (n, (connection, at)) in surplus.iter().enumerate() {
            forget = forget
                .name(&format!("#c{n}"), format!("{CHANGE}{connection}"))
                .number(&format!(":c{n}"), at);
        }
        // Who has changed again since is named with another version: then the next one does it.
        let unchanged: Vec<_> = places().map(|n| format!("#c{n} = :c{n}")).collect();
        let condition = unchanged.join(" AND ");
        self.update(what, Table::Connections, key, forget, Some(&condition))
            .await
            .map(|_| ())
    }
}

#[async_trait]
impl Connections for Dynamo {
    async fn open(&self, row: &ConnectionRow) -> PortResult<()> {
        let what = "connections.open";
        // First among the user's: a connection that is open is counted.
        let counted = user_key(&row.user, &row.connection)
            .number(OPENED_AT, row.opened_at.0)
            .expires(row.expires_at.millis() / 1_000 + 1);
        self.put(what, Table::Connections, counted, None).await?;
        self.put(what, Table::Connections, item_of(what, row)?, None)
            .await
            .map(|_| ())
    }

    async fn connection(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        let what = "connections.connection";
        let item = self
            .get(what, Table::Connections, connection_key(connection))
            .await?;
        // A row says so only when its close has begun.
        let open = item.filter(|item| item.get_flag(what, IS_CLOSING).is_err());
        open.map(|item| row_of(what, connection, &item)).transpose()
    }

    /// The versions are raised behind the rows, not with them: whoever subscribes in a shard raises
    /// the same one, and transactions that meet at a row cancel each other.
    async fn update(&self, row: &ConnectionRow, was: u64, subscribed: &[Subscribed]) -> PortResult<bool> {
        let what = "connections.update";
        let item = item_of(what, row)?;
        let unchanged =
            Expression::new("request_id = :was AND attribute_not_exists(is_closing)").number(":was", was);
        let subscribers = subscribed
            .iter()
            .map(|there| self.subscriber_change(what, row, there));
        let subscribers = subscribers.collect::<PortResult<Vec<Change>>>()?;
        let written = match subscribers.is_empty() {
            true => self.put(what, Table::Connections, item, Some(unchanged)).await?,
            false => {
                self.put_with(what, Table::Connections, item, unchanged, subscribers)
                    .await?
            }
        };
        let is_written = match written {
            Written::Done => true,
            // An earlier try of this very update, whose answer was lost.
            Written::Not(Some(stands)) => {
                stands.get_flag(what, IS_CLOSING).is_err() && row_of(what, &row.connection, &stands)? == *row
            }
            Written::Not(None) => false,
        };
        if is_written {
            let raised = subscribed
                .iter()
                .map(|there| self.raise_version(what, (&there.group, there.shard), &row.connection));
            try_join_all(raised).await?;
        }
        Ok(is_written)
    }

    async fn begin_close(&self, connection: &str) -> PortResult<Option<ConnectionRow>> {
        let what = "connections.begin_close";
        let mark = Expression::new("SET is_closing = :true").flag(":true", true);
        let key = connection_key(connection);
        let stands = Some("attribute_exists(pk)");
        let row = self.update(what, Table::Connections, key, mark, stands).await?;
        row.map(|item| row_of(what, connection, &item)).transpose()
    }

    /// The connection's own row last: an end that was cut short is found again.
    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()> {
        let what = "connections.close";
        for (group, shard) in shards {
            let subscriber = Item::under(&shard_partition(group, *shard), connection);
            self.delete_row(what, Table::Connections, subscriber).await?;
            self.raise_version(what, (group, *shard), connection).await?;
        }
        let key = connection_key(connection);
        if let Some(row) = self.get(what, Table::Connections, key.clone()).await? {
            let user = row.get_text(what, USER)?;
            self.delete_row(what, Table::Connections, user_key(user, connection))
                .await?;
            self.delete_row(what, Table::Connections, key).await?;
        }
        Ok(())
    }

    async fn drop_streams(
        &self,
        group: &GroupKey,
        shard: u16,
        connection: &str,
        keys: &[String],
    ) -> PortResult<()> {
        let what = "connections.drop_streams";
        // The subscriber last: as long as it has them, whoever delivers finds them again.
        self.drop_from(what, connection_key(connection), keys, Some(group))
            .await?;
        let subscriber = Item::under(&shard_partition(group, shard), connection);
        self.drop_from(what, subscriber, keys, None).await?;
        self.raise_version(what, (group, shard), connection).await
    }

    async fn connections_of(&self, user: &str) -> PortResult<Vec<UserConnection>> {
        let what = "connections.connections_of";
        let query = Query {
            key: Expression::new("pk = :user").text(":user", &format!("u#{user}")),
            consistent: true,
            ..Query::default()
        };
        let second = self.second();
        let rows = self.query(what, Table::Connections, query).await?;
        rows.iter()
            .filter(|row| !row.has_expired(second))
            .map(|row| {
                Ok(UserConnection {
                    connection: row.get_text(what, SORT_KEY)?.to_owned(),
                    // Rows of before it was written are old ones.
                    opened_at: UnixNanos(row.get_number(what, OPENED_AT).unwrap_or(0)),
                })
            })
            .collect()
    }

    async fn mark_behind(&self, group: &GroupKey, shard: u16, connection: &str) -> PortResult<()> {
        let key = Item::under(&shard_partition(group, shard), connection);
        let mark = Expression::new("SET behind = :true").flag(":true", true);
        let stands = Some("attribute_exists(pk)");
        // No row: it unsubscribed in the meantime.
        self.update("connections.mark_behind", Table::Connections, key, mark, stands)
            .await
            .map(|_| ())
    }

    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<ShardVersion> {
        let what = "connections.shard_version";
        let row = self
            .get(what, Table::Connections, version_key(group, shard))
            .await?;
        let version = row.map(|row| version_of(what, &row)).transpose()?;
        Ok(version.unwrap_or_default())
    }

    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>> {
        let what = "connections.subscribers";
        let query = Query {
            key: Expression::new("pk = :shard").text(":shard", &shard_partition(group, shard)),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query(what, Table::Connections, query).await?;
        self.living(what, &rows)
    }

    async fn subscribers_of(
        &self,
        group: &GroupKey,
        shard: u16,
        connections: &[String],
    ) -> PortResult<Vec<Subscriber>> {
        let what = "connections.subscribers_of";
        let partition = shard_partition(group, shard);
        let keys = connections
            .iter()
            .map(|connection| Item::under(&partition, connection));
        let rows = self.get_many(what, Table::Connections, keys.collect()).await?;
        self.living(what, &rows)
    }
}

//! Table `connections`, by the beginning of `pk`:
//! - `c#{connection}`, `sk` `-`: the connection;
//! - `u#{user}`, `sk` the connection: counts a user's connections;
//! - `s#{group}#{shard}`, `sk` the connection: a subscriber;
//! - `v#{group}#{shard}`, `sk` `-`: the shard's version.
//!
//! Rows of connections and subscribers expire an hour after the longest life
//! of a connection, for those whose end was never told.

use async_trait::async_trait;
use tickwire_market::UnixNanos;
use tickwire_service::ports::{ConnectionRow, Connections, PortError, PortResult, Subscriber, Subscription};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query, Written};
use super::item::{Item, unreadable};
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

fn item_of(what: &'static str, row: &ConnectionRow) -> PortResult<Item> {
    let item = connection_key(&row.connection)
        .text(USER, &row.user)
        .text(TIER, &row.tier.to_string())
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
        request_id: item.get_number(what, REQUEST_ID)?,
        subscriptions: read_subscriptions(what, item)?,
        owed: match item.find_text(OWED) {
            None => None,
            Some(text) => Some(serde_json::from_str(text).map_err(|_| unreadable(what, OWED))?),
        },
    })
}

impl Dynamo {
    fn second(&self) -> i64 {
        self.clock.now().millis() / 1_000
    }

    async fn raise_version(&self, what: &'static str, group: &GroupKey, shard: u16) -> PortResult<()> {
        let raise = Expression::new("ADD version :one").number(":one", 1);
        self.update(what, Table::Connections, version_key(group, shard), raise, None)
            .await
            .map(|_| ())
    }
}

#[async_trait]
impl Connections for Dynamo {
    async fn open(&self, row: &ConnectionRow) -> PortResult<()> {
        let what = "connections.open";
        // First the user's count: a connection that is open is counted.
        let counted = user_key(&row.user, &row.connection).expires(row.expires_at.millis() / 1_000 + 1);
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
        item.map(|item| row_of(what, connection, &item)).transpose()
    }

    async fn update(&self, row: &ConnectionRow, was: u64) -> PortResult<bool> {
        let what = "connections.update";
        let item = item_of(what, row)?;
        let older = Expression::new("request_id = :was").number(":was", was);
        Ok(
            match self.put(what, Table::Connections, item, Some(older)).await? {
                Written::Done => true,
                // An earlier try of this very update, whose answer was lost.
                Written::Not(Some(stands)) => row_of(what, &row.connection, &stands)? == *row,
                Written::Not(None) => false,
            },
        )
    }

    /// The connection's own row last: an end that was cut short is found again.
    async fn close(&self, connection: &str, shards: &[(GroupKey, u16)]) -> PortResult<()> {
        let what = "connections.close";
        for (group, shard) in shards {
            let subscriber = Item::under(&shard_partition(group, *shard), connection);
            self.delete_row(what, Table::Connections, subscriber).await?;
            self.raise_version(what, group, *shard).await?;
        }
        if let Some(row) = self.connection(connection).await? {
            self.delete_row(what, Table::Connections, user_key(&row.user, connection))
                .await?;
            self.delete_row(what, Table::Connections, connection_key(connection))
                .await?;
        }
        Ok(())
    }

    async fn count(&self, user: &str) -> PortResult<usize> {
        let query = Query {
            key: Expression::new("pk = :user").text(":user", &format!("u#{user}")),
            consistent: true,
            ..Query::default()
        };
        let rows = self.query("connections.count", Table::Connections, query).await?;
        let second = self.second();
        Ok(rows.iter().filter(|row| !row.has_expired(second)).count())
    }

    async fn put_subscriber(&self, group: &GroupKey, shard: u16, subscriber: &Subscriber) -> PortResult<()> {
        let what = "connections.put_subscriber";
        let row = Item::under(&shard_partition(group, shard), &subscriber.connection);
        if subscriber.subscriptions.is_empty() {
            self.delete_row(what, Table::Connections, row).await?;
        } else {
            let row = row
                .text(SUBSCRIPTIONS, &json_text(what, &subscriber.subscriptions)?)
                .text(USER, &subscriber.user)
                .flag(BEHIND, subscriber.behind)
                .expires(self.second() + connection_lifetime_max.as_secs() as i64 + KEPT_SECONDS);
            self.put(what, Table::Connections, row, None).await?;
        }
        self.raise_version(what, group, shard).await
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

    async fn shard_version(&self, group: &GroupKey, shard: u16) -> PortResult<u64> {
        let what = "connections.shard_version";
        let row = self
            .get(what, Table::Connections, version_key(group, shard))
            .await?;
        row.map_or(Ok(0), |row| row.get_number(what, VERSION))
    }

    async fn subscribers(&self, group: &GroupKey, shard: u16) -> PortResult<Vec<Subscriber>> {
        let what = "connections.subscribers";
        let query = Query {
            key: Expression::new("pk = :shard").text(":shard", &shard_partition(group, shard)),
            consistent: true,
            ..Query::default()
        };
        let second = self.second();
        let rows = self.query(what, Table::Connections, query).await?;
        rows.iter()
            .filter(|row| !row.has_expired(second))
            .map(|row| {
                Ok(Subscriber {
                    connection: row.get_text(what, SORT_KEY)?.to_owned(),
                    // Rows of before there were watermarks name none.
                    user: row.get_text(what, USER).unwrap_or_default().to_owned(),
                    subscriptions: read_subscriptions(what, row)?,
                    behind: row.get_flag(what, BEHIND)?,
                })
            })
            .collect()
    }
}

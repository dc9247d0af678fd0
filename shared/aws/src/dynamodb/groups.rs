//! Table `groups`: under a group's key the rows `meta`, `plan`, `latest` and
//! `attempt#{message}`; under [`DIRECTORY`] one row for every group.
//!
//! The directory makes the list of groups one query, where a scan would read
//! every plan. Its rows say until when a group is active, and expire long after;
//! whoever writes `latest` renews them.

use std::collections::HashMap;

use async_trait::async_trait;
use tickwire_market::UnixNanos;
use tickwire_service::ports::{GroupRow, GroupView, Groups, PortError, PortResult};
use tickwire_streams::GroupKey;
use tickwire_telemetry::metrics::Table;

use super::calls::{Expression, Query, Written};
use super::item::{Item, unreadable};
use super::{Dynamo, PARTITION_KEY, SORT_KEY};
use crate::limits::{group_active, group_listed};

const META: &str = "meta";
const PLAN: &str = "plan";
const LATEST: &str = "latest";
/// Partition of the directory; no group's key begins like it.
const DIRECTORY: &str = "#groups";
/// A process renews a group's row in the directory this often.
const RENEW_EVERY_NANOS: i64 = 60 * UnixNanos::PER_MINUTE;

/// End of a group's activity, in seconds of Unix time.
const ACTIVE: &str = "active";
const EPOCH: &str = "epoch";
const SHARDS: &str = "shards";
const VERSION: &str = "version";
const BYTES: &str = "bytes";
const TRIES: &str = "tries";

/// A count of attempts is kept for a day.
const ATTEMPT_SECONDS: i64 = 24 * 3_600;

impl Dynamo {
    /// Lists the group as active, unless this process did so lately.
    async fn list(&self, what: &'static str, group: &GroupKey) -> PortResult<()> {
        let now = self.clock.now();
        let listed_lately = {
            let listed = self
                .listed
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            listed
                .get(group)
                .is_some_and(|at| now.nanos_since(*at) < RENEW_EVERY_NANOS)
        };
        if !listed_lately {
            let second = now.millis() / 1_000;
            let row = Item::under(DIRECTORY, group.as_str())
                .number(ACTIVE, second + group_active.as_secs() as i64)
                .expires(second + group_listed.as_secs() as i64);
            self.put(what, Table::Groups, row, None).await?;
            let mut listed = self
                .listed
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            listed.insert(group.clone(), now);
        }
        Ok(())
    }

    /// The groups of the rows of the directory that `wanted` takes, given the second it is.
    async fn directory(
        &self,
        what: &'static str,
        wanted: impl Fn(&Item, i64) -> bool + Send,
    ) -> PortResult<Vec<GroupKey>> {
        let query = Query {
            key: Expression::new("pk = :directory").text(":directory", DIRECTORY),
            consistent: true,
            ..Query::default()
        };
        let second = self.clock.now().millis() / 1_000;
        let rows = self.query(what, Table::Groups, query).await?;
        rows.iter()
            .filter(|row| !row.has_expired(second) && wanted(row, second))
            .map(|row| {
                row.get_text(what, SORT_KEY)?
                    .parse()
                    .map_err(|_| unreadable(what, SORT_KEY))
            })
            .collect()
    }

    /// Puts row `kind` at `version`, unless one of the same or a higher version stands.
    async fn put_versioned(
        &self,
        what: &'static str,
        group: &GroupKey,
        kind: &'static str,
        version: u64,
        bytes: &[u8],
    ) -> PortResult<()> {
        let row = Item::under(group.as_str(), kind)
            .number(VERSION, version)
            .bytes(BYTES, bytes);
        let newer =
            Expression::new("attribute_not_exists(pk) OR version < :version").number(":version", version);
        // A lost condition means that a newer one stands, which is all that is wanted.
        self.put(what, Table::Groups, row, Some(newer)).await.map(|_| ())
    }

    async fn versioned(
        &self,
        what: &'static str,
        group: &GroupKey,
        kind: &'static str,
    ) -> PortResult<Option<(u64, Vec<u8>)>> {
        let row = self
            .get(what, Table::Groups, Item::under(group.as_str(), kind))
            .await?;
        row.map(|row| versioned_row(what, row)).transpose()
    }
}

fn versioned_row(what: &'static str, row: Item) -> PortResult<(u64, Vec<u8>)> {
    Ok((row.get_number(what, VERSION)?, row.into_bytes(what, BYTES)?))
}

fn attempt_key(group: &GroupKey, message_id: &str) -> Item {
    Item::under(group.as_str(), &format!("attempt#{message_id}"))
}

fn group_row(what: &'static str, row: &Item) -> PortResult<GroupRow> {
    Ok(GroupRow {
        epoch: row.get_text(what, EPOCH)?.to_owned(),
        shards: row.get_number(what, SHARDS)?,
    })
}

#[async_trait]
impl Groups for Dynamo {
    async fn group(&self, group: &GroupKey) -> PortResult<Option<GroupRow>> {
        let what = "groups.group";
        let row = self
            .get(what, Table::Groups, Item::under(group.as_str(), META))
            .await?;
        row.map(|row| group_row(what, &row)).transpose()
    }

    async fn create_group(&self, group: &GroupKey, row: &GroupRow) -> PortResult<GroupRow> {
        let what = "groups.create_group";
        // First the directory: a group that exists is listed.
        self.list(what, group).await?;
        let meta = Item::under(group.as_str(), META)
            .text(EPOCH, &row.epoch)
            .number(SHARDS, row.shards);
        let free = Expression::new("attribute_not_exists(pk)");
        match self.put(what, Table::Groups, meta, Some(free)).await? {
            Written::Done => Ok(row.clone()),
            Written::Not(Some(stands)) => group_row(what, &stands),
            // It was deleted in between, or the answer left it out.
            Written::Not(None) => self.group(group).await?.ok_or(PortError::Unavailable {
                what,
                why: "the row came and went".into(),
            }),
        }
    }

    async fn begin_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<u32> {
        let what = "groups.begin_attempt";
        let end = self.clock.now().millis() / 1_000 + ATTEMPT_SECONDS;
        let count = Expression::new("ADD tries :one SET expires = :end")
            .number(":one", 1)
            .number(":end", end);
        let row = self
            .update(what, Table::Groups, attempt_key(group, message_id), count, None)
            .await?;
        row.unwrap_or_default().get_number(what, TRIES)
    }

    async fn end_attempt(&self, group: &GroupKey, message_id: &str) -> PortResult<()> {
        let key = attempt_key(group, message_id);
        self.delete_row("groups.end_attempt", Table::Groups, key)
            .await
            .map(|_| ())
    }

    async fn groups(&self) -> PortResult<Vec<GroupKey>> {
        let what = "groups.groups";
        // Older rows have no such end, and are there as long as their group is active.
        let active = |row: &Item, second| {
            row.get_number::<i64>(what, ACTIVE)
                .map_or(true, |end| end > second)
        };
        self.directory(what, active).await
    }

    async fn groups_with_log(&self) -> PortResult<Vec<GroupKey>> {
        self.directory("groups.groups_with_log", |_, _| true).await
    }

    async fn put_plan(&self, group: &GroupKey, version: u64, bytes: &[u8]) -> PortResult<()> {
        self.put_versioned("groups.put_plan", group, PLAN, version, bytes)
            .await
    }

    async fn plan(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.versioned("groups.plan", group, PLAN).await
    }

    async fn put_latest(&self, group: &GroupKey, segment: u64, bytes: &[u8]) -> PortResult<()> {
        let what = "groups.put_latest";
        self.list(what, group).await?;
        self.put_versioned(what, group, LATEST, segment, bytes).await
    }

    async fn latest(&self, group: &GroupKey) -> PortResult<Option<(u64, Vec<u8>)>> {
        self.versioned("groups.latest", group, LATEST).await
    }

    async fn views(&self, groups: &[GroupKey]) -> PortResult<Vec<Option<GroupView>>> {
        let what = "groups.views";
        let parts = |group| [META, PLAN, LATEST].map(|kind| Item::under(GroupKey::as_str(group), kind));
        let keys = groups.iter().flat_map(parts).collect();
        let mut found = HashMap::new();
        for row in self.get_many(what, Table::Groups, keys).await? {
            let key = [PARTITION_KEY, SORT_KEY].map(|name| row.get_text(what, name).map(str::to_owned));
            let [group, kind] = key;
            found.insert((group?, kind?), row);
        }
        groups
            .iter()
            .map(|group| {
                let mut take = |kind: &str| found.remove(&(group.to_string(), kind.to_owned()));
                let Some(row) = take(META) else {
                    return Ok(None);
                };
                let mut versioned = |kind| take(kind).map(|row| versioned_row(what, row)).transpose();
                Ok(Some(GroupView {
                    row: group_row(what, &row)?,
                    plan: versioned(PLAN)?,
                    latest: versioned(LATEST)?,
                }))
            })
            .collect()
    }
}

//! The rows of a connection: its own, and those that say to each group what it wants there.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use tickwire_entitlements::Banned;
use tickwire_streams::{GroupKey, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode};

use super::ManageSubscription;
use crate::open_connection::Fault;
use crate::placement::shard_of;
use crate::ports::{
    ConnectionRow, GroupRow, PortError, PortResult, SUBSCRIBERS_PER_UPDATE_MAX, Subscribed, Subscription,
};

/// Times a change is tried while others of the same connection come between.
const CHANGE_TRIES_MAX: usize = 8;

impl ManageSubscription {
    /// Changes the row, and with it the connection's subscribers in the groups that `change` names,
    /// against what others change at the same time. `known` are rows of groups, as last seen.
    pub(super) async fn change<T>(
        &self,
        mut row: ConnectionRow,
        id: u64,
        known: &BTreeMap<GroupKey, GroupRow>,
        change: impl Fn(&mut ConnectionRow) -> Result<(T, BTreeSet<GroupKey>), Fault>,
    ) -> Result<(ConnectionRow, T), Fault> {
        for _ in 0..CHANGE_TRIES_MAX {
            let was = row.request_id;
            if id <= was {
                return Err(stale(was).into());
            }
            row.request_id = id;
            let before = keys(&row);
            let (outcome, groups) = change(&mut row)?;
            if keys(&row) != before {
                self.count_change(&mut row).await?;
            }
            let shards = self.shards(&row.connection, groups, known).await?;
            let (first, rest) = shards.split_at(shards.len().min(SUBSCRIBERS_PER_UPDATE_MAX));
            if self.write(&row, was, first).await? {
                return Ok((self.write_rest(row, rest).await?, outcome));
            }
            row = self.standing(&row.connection).await?;
        }
        Err(contended())
    }

    async fn standing(&self, connection: &str) -> Result<ConnectionRow, Fault> {
        let row = self.ports.connections.connection(connection).await?;
        Ok(row.ok_or(ErrorCode::SessionExpired)?)
    }

    /// Writes the row if the one before it stands, and what it says of the subscribers in `shards`.
    async fn write(&self, row: &ConnectionRow, was: u64, shards: &[(GroupKey, u16)]) -> PortResult<bool> {
        let mut by_group: BTreeMap<GroupKey, Vec<Subscription>> = BTreeMap::new();
        for subscription in row.subscriptions.iter().filter(|_| !shards.is_empty()) {
            if let Some(group) = self.group_of(row, subscription) {
                by_group.entry(group).or_default().push(subscription.clone());
            }
        }
        let subscribed: Vec<Subscribed> = shards
            .iter()
            .map(|(group, shard)| Subscribed {
                group: group.clone(),
                shard: *shard,
                subscriptions: by_group.remove(group).unwrap_or_default(),
            })
            .collect();
        self.ports.connections.update(row, was, &subscribed).await
    }

    /// Writes the subscribers that did not go with the row, until what is written is of the row
    /// as it stands: requests may overtake each other.
    async fn write_rest(
        &self,
        mut row: ConnectionRow,
        shards: &[(GroupKey, u16)],
    ) -> Result<ConnectionRow, Fault> {
        for shards in shards.chunks(SUBSCRIBERS_PER_UPDATE_MAX) {
            let mut tries = 1..CHANGE_TRIES_MAX;
            while !self.write(&row, row.request_id, shards).await? {
                tries.next().ok_or_else(contended)?;
                row = self.standing(&row.connection).await?;
            }
        }
        Ok(row)
    }

    /// The connection's shards of groups. What has no row has no subscriber either.
    pub(super) async fn shards(
        &self,
        connection: &str,
        groups: BTreeSet<GroupKey>,
        known: &BTreeMap<GroupKey, GroupRow>,
    ) -> PortResult<Vec<(GroupKey, u16)>> {
        let rows = try_join_all(groups.iter().map(|group| async move {
            match known.get(group) {
                Some(row) => Ok(Some(row.clone())),
                None => self.ports.groups.group(group).await,
            }
        }))
        .await?;
        let shards = groups.into_iter().zip(rows);
        Ok(shards
            .filter_map(|(group, row)| Some((group, shard_of(connection, row?.shards))))
            .collect())
    }

    /// Counts a change of the streams of a connection, in its row. One too many is a ban.
    async fn count_change(&self, row: &mut ConnectionRow) -> Result<(), Fault> {
        let Some(limits) = &self.limits else {
            return Ok(());
        };
        limits.check_changes(&row.user).await?;
        let window = row.tier.limits().changes();
        let (taken, _) = row.changes.take(&[window], self.ports.clock.now(), 1);
        if taken == 0 {
            limits
                .ban(
                    Banned::Changes(row.user.clone()),
                    "too many changes of subscriptions",
                )
                .await;
            limits.check_changes(&row.user).await?;
            // Were it not stored, this one is refused all the same.
            return Err(ErrorCode::ChangesRate.into());
        }
        Ok(())
    }

    /// Takes streams out of a row. Returns the groups whose subscribers are to be written: theirs,
    /// and those of the change before, which may have been broken off halfway.
    pub(super) fn take_out(&self, row: &mut ConnectionRow, keys: &[String]) -> BTreeSet<GroupKey> {
        let (gone, stay): (Vec<Subscription>, Vec<Subscription>) = std::mem::take(&mut row.subscriptions)
            .into_iter()
            .partition(|subscription| keys.contains(&subscription.key));
        row.subscriptions = stay;
        let left: BTreeSet<GroupKey> = gone
            .iter()
            .filter_map(|subscription| self.group_of(row, subscription))
            .collect();
        let before = std::mem::replace(&mut row.left, left.clone());
        left.into_iter().chain(before).collect()
    }

    pub(super) fn group_of(&self, row: &ConnectionRow, subscription: &Subscription) -> Option<GroupKey> {
        self.group_of_key(row, &subscription.key)
    }

    pub(super) fn group_of_key(&self, row: &ConnectionRow, key: &str) -> Option<GroupKey> {
        let key = key.parse::<StreamKey>().ok()?;
        Some(self.placement.group_of(&row.universe, &key.stream.instrument))
    }
}

fn contended() -> Fault {
    PortError::Unavailable {
        what: "connection",
        why: "others change it all the time".into(),
    }
    .into()
}

pub(super) fn stale(request_id: u64) -> ErrorBody {
    let message = format!("Request {request_id} was already carried out: ids rise, from 1.");
    ErrorBody::with_message(ErrorCode::RequestStale, message)
}

/// Which streams a connection has.
fn keys(row: &ConnectionRow) -> BTreeSet<String> {
    let subscriptions = row.subscriptions.iter();
    subscriptions
        .map(|subscription| subscription.key.clone())
        .collect()
}

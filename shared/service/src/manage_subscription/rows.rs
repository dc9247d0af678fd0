//! The rows of a connection: its own, and those that say to each group what it wants there.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use tickwire_entitlements::Banned;
use tickwire_streams::{GroupKey, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode};

use super::ManageSubscription;
use crate::open_connection::Fault;
use crate::placement::shard_of;
use crate::ports::{ConnectionRow, GroupRow, PortError, Subscriber, Subscription};

/// Times a change is tried while others of the same connection come between.
const CHANGE_TRIES_MAX: usize = 8;

impl ManageSubscription {
    /// Changes the row, against what others change at the same time.
    pub(super) async fn change<T>(
        &self,
        mut row: ConnectionRow,
        id: u64,
        change: impl Fn(&mut ConnectionRow) -> Result<T, Fault>,
    ) -> Result<(ConnectionRow, T), Fault> {
        for _ in 0..CHANGE_TRIES_MAX {
            let was = row.request_id;
            if id <= was {
                return Err(stale(was).into());
            }
            row.request_id = id;
            let before = keys(&row);
            let outcome = change(&mut row)?;
            if keys(&row) != before {
                self.count_change(&mut row).await?;
            }
            if self.ports.connections.update(&row, was).await? {
                return Ok((row, outcome));
            }
            let stands = self.ports.connections.connection(&row.connection).await?;
            row = stands.ok_or(ErrorCode::SessionExpired)?;
        }
        Err(contended())
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

    /// Writes the subscribers of a connection in `groups`, until what is
    /// written is of the row as it stands: requests may overtake each other.
    pub(super) async fn register(
        &self,
        mut row: ConnectionRow,
        groups: BTreeSet<GroupKey>,
        known: &BTreeMap<GroupKey, GroupRow>,
    ) -> Result<ConnectionRow, Fault> {
        let rows = try_join_all(groups.iter().map(|group| async move {
            match known.get(group) {
                Some(row) => Ok(Some(row.clone())),
                None => self.ports.groups.group(group).await,
            }
        }))
        .await?;
        // What has no row has no subscriber either.
        let shards: Vec<(&GroupKey, u16)> = groups
            .iter()
            .zip(rows)
            .filter_map(|(group, row)| Some((group, row?.shards)))
            .collect();
        for _ in 0..CHANGE_TRIES_MAX {
            try_join_all(shards.iter().map(|(group, count)| {
                let subscriptions = row
                    .subscriptions
                    .iter()
                    .filter(|subscription| self.group_of(&row, subscription).as_ref() == Some(group))
                    .cloned()
                    .collect();
                let subscriber = Subscriber {
                    connection: row.connection.clone(),
                    identity: row.identity(),
                    subscriptions,
                    behind: false,
                };
                let shard = shard_of(&row.connection, *count);
                async move {
                    self.ports
                        .connections
                        .put_subscriber(group, shard, &subscriber)
                        .await
                }
            }))
            .await?;
            match self.ports.connections.connection(&row.connection).await? {
                Some(stands) if stands.request_id == row.request_id => return Ok(row),
                Some(stands) => row = stands,
                None => {
                    // It ended meanwhile, and what was just written would outlive it.
                    let shards: Vec<_> = shards
                        .iter()
                        .map(|(group, count)| ((*group).clone(), shard_of(&row.connection, *count)))
                        .collect();
                    self.ports.connections.close(&row.connection, &shards).await?;
                    return Err(ErrorCode::SessionExpired.into());
                }
            }
        }
        Err(contended())
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

//! Streams of contracts that have expired: what is said of them, and how they end for whoever has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use tickwire_market::UnixNanos;
use tickwire_streams::{GroupKey, Packer, StreamKey};
use tickwire_wire::{ErrorBody, ErrorCode, write_revoked};

use super::ManageSubscription;
use crate::contract_end::{has_ended, successor};
use crate::plans::Plan;
use crate::ports::{ConnectionRow, PortResult};

impl ManageSubscription {
    /// What is said of a stream of a contract that has expired: which one follows it, by the plan of
    /// its group as it is now. `plans` are those that were read already.
    pub(super) async fn expired(
        &self,
        plans: &mut BTreeMap<GroupKey, Arc<Plan>>,
        group: &GroupKey,
        stream: &StreamKey,
        now: UnixNanos,
    ) -> PortResult<ErrorBody> {
        let plan = match plans.get(group) {
            Some(plan) => plan.clone(),
            None => {
                let plan = self.plans.newest(group).await?.unwrap_or_default();
                plans.insert(group.clone(), plan.clone());
                plan
            }
        };
        let body = ErrorBody::from(ErrorCode::ContractExpired).about(stream.to_string());
        let Some(next) = successor(stream, plan.instruments(), now) else {
            return Ok(body);
        };
        let planned = match plan.id(&next.to_string()) {
            Some(_) => "",
            None => ", which nobody computes yet: a subscribe asks for it",
        };
        Ok(ErrorBody {
            message: format!("{} It goes on as {next}{planned}.", body.message),
            successor: Some(next.into()),
            ..body
        })
    }

    /// Ends the streams of a connection of which the contract has expired while it had them: it is
    /// told, and they are taken out. Says which they are; what is not told now is told at the next
    /// ping.
    pub(super) async fn end_expired(
        &self,
        row: &ConnectionRow,
        now: UnixNanos,
    ) -> PortResult<BTreeSet<String>> {
        let mut ended = BTreeSet::new();
        let mut plans = BTreeMap::new();
        let mut packer = Packer::default();
        let mut frames = Vec::new();
        let mut by_group: BTreeMap<GroupKey, Vec<String>> = BTreeMap::new();
        for subscription in &row.subscriptions {
            let key = subscription.key.parse::<StreamKey>().ok();
            let Some(key) = key.filter(|key| has_ended(&row.universe, key, now)) else {
                continue;
            };
            let group = self.placement.group_of(&row.universe, &key.stream.instrument);
            let why = self.expired(&mut plans, &group, &key, now).await?;
            frames.extend(packer.push(|frame| {
                // Writing to a string cannot fail.
                let _ = write!(frame, r#"{{"s":{}"#, subscription.s);
                write_revoked(frame, &why);
            }));
            ended.insert(subscription.key.clone());
            by_group.entry(group).or_default().push(subscription.key.clone());
        }
        frames.extend(packer.finish());
        if ended.is_empty() || !self.post(&row.connection, frames).await? {
            return Ok(ended);
        }
        let groups = by_group.keys().cloned().collect();
        for (group, shard) in self.shards(&row.connection, groups, &BTreeMap::new()).await? {
            let keys = by_group.remove(&group).unwrap_or_default();
            let connections = &self.ports.connections;
            connections
                .drop_streams(&group, shard, &row.connection, &keys)
                .await?;
        }
        Ok(ended)
    }
}

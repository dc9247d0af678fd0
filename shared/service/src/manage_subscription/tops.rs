//! The newest offsets of streams, for pings: read once a second for all who ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tickwire_signals::StreamId;
use tickwire_streams::{GroupKey, Offset, StreamKey};

use super::ManageSubscription;
use super::ping::Handles;
use super::views::latest_row;
use crate::few::Few;
use crate::moment::Moment;
use crate::ports::{Clock, ConnectionRow, Groups, PortError, PortResult, Subscription};
use crate::single_flight::SingleFlight;

#[expect(
    non_upper_case_globals,
    reason = "limits carry the same name in code, configuration and documents"
)]
mod limits {
    /// How old the tops may be that a ping is told, in milliseconds.
    pub const tops_age_ms_max: u64 = 1_000;
}

pub use limits::tops_age_ms_max;

/// Groups of which tops are kept.
const GROUPS_MAX: usize = 256;

/// The newest offsets of a group's streams, as they were read.
struct Tops {
    plan_version: u64,
    by_stream: Vec<(StreamId, Offset)>,
    /// Before it was read.
    read_at: Moment,
}

impl Tops {
    fn of(&self, stream: StreamId) -> Option<Offset> {
        let place = self
            .by_stream
            .binary_search_by_key(&stream, |(stream, _)| *stream);
        place.ok().map(|place| self.by_stream[place].1)
    }
}

/// The tops of groups that were read lately.
pub(super) struct RecentTops {
    kept: Few<GroupKey, Arc<Tops>>,
    reads: SingleFlight<GroupKey, PortResult<Arc<Tops>>>,
}

impl Default for RecentTops {
    fn default() -> Self {
        Self {
            kept: Few::new(GROUPS_MAX),
            reads: SingleFlight::default(),
        }
    }
}

impl RecentTops {
    async fn of(&self, group: &GroupKey, groups: &dyn Groups, clock: &dyn Clock) -> PortResult<Arc<Tops>> {
        let age_max = Duration::from_millis(tops_age_ms_max);
        let kept = self.kept.get(group);
        if let Some(tops) = kept.filter(|tops| tops.read_at.is_within(age_max, clock)) {
            return Ok(tops);
        }
        let read = || async {
            let read_at = Moment::now(clock);
            let row = latest_row(groups.latest(group).await?)?;
            let tops = Arc::new(Tops {
                plan_version: row.plan_version,
                by_stream: row
                    .streams
                    .iter()
                    .map(|row| (row.stream, row.latest.offset))
                    .collect(),
                read_at,
            });
            self.kept.insert(group.clone(), tops.clone());
            Ok(tops)
        };
        self.reads.join(group, read).await
    }
}

impl ManageSubscription {
    /// Newest offset by handle, as of a second ago at the most.
    pub(super) async fn tops(&self, row: &ConnectionRow) -> PortResult<Handles> {
        let mut by_group: BTreeMap<GroupKey, Vec<&Subscription>> = BTreeMap::new();
        for subscription in &row.subscriptions {
            if let Some(group) = self.group_of(row, subscription) {
                by_group.entry(group).or_default().push(subscription);
            }
        }
        let tops = try_join_all(by_group.iter().map(|(group, subscriptions)| async move {
            let (groups, clock) = (&*self.ports.groups, &*self.ports.clock);
            let tops = self.recent_tops.of(group, groups, clock).await?;
            let mut plan = self
                .plans
                .at_least(group, tops.plan_version)
                .await?
                .unwrap_or_default();
            if subscriptions
                .iter()
                .any(|subscription| plan.id(&subscription.key).is_none())
            {
                plan = self.plans.newest(group).await?.unwrap_or_default();
            }
            // A stream that nobody computes, for whatever reason, is asked for again.
            let missing = subscriptions
                .iter()
                .filter(|subscription| plan.id(&subscription.key).is_none());
            let missing: Vec<StreamKey> = missing
                .filter_map(|subscription| subscription.key.parse().ok())
                .collect();
            self.plan(&row.connection, group, &missing).await?;
            let tops: Vec<_> = subscriptions
                .iter()
                .filter_map(|subscription| Some((subscription.s, tops.of(plan.id(&subscription.key)?)?)))
                .collect();
            Ok::<_, PortError>(tops)
        }))
        .await?;
        Ok(tops.into_iter().flatten().collect())
    }
}

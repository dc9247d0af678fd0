//! Groups as subscribers see them: as they are now, and their rows as last seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tickwire_streams::GroupKey;
use tickwire_wire::{LatestRow, decode};

use super::ManageSubscription;
use crate::plans::{Plan, unreadable};
use crate::ports::{GroupRow, PortError, PortResult};

/// Rows of groups kept in memory.
pub(super) const ROWS_MAX: u64 = 1_024;

/// A group as it is.
pub(super) struct View {
    pub(super) row: GroupRow,
    pub(super) plan: Arc<Plan>,
    pub(super) latest: LatestRow,
}

impl ManageSubscription {
    /// Views of those of the groups that there are.
    async fn views(&self, groups: &[GroupKey]) -> PortResult<BTreeMap<GroupKey, View>> {
        if groups.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut views = BTreeMap::new();
        for (group, view) in groups.iter().zip(self.ports.groups.views(groups).await?) {
            let Some(view) = view else {
                self.rows.invalidate(group);
                continue;
            };
            self.rows.insert(group.clone(), view.row.clone());
            let plan = view
                .plan
                .map(|stored| self.plans.keep(group, stored))
                .transpose()?;
            let view = View {
                row: view.row,
                plan: plan.unwrap_or_default(),
                latest: latest_row(view.latest)?,
            };
            views.insert(group.clone(), view);
        }
        Ok(views)
    }

    /// Rows of those of the groups that there are, which may be old.
    pub(super) async fn rows_as_seen(
        &self,
        groups: BTreeSet<GroupKey>,
    ) -> PortResult<BTreeMap<GroupKey, GroupRow>> {
        let mut rows = BTreeMap::new();
        let mut unseen = Vec::new();
        for group in groups {
            match self.rows.get(&group) {
                Some(row) => drop(rows.insert(group, row)),
                None => unseen.push(group),
            }
        }
        let views = self.views(&unseen).await?;
        rows.extend(views.into_iter().map(|(group, view)| (group, view.row)));
        Ok(rows)
    }

    /// Views of the groups in which subscribers were written by their rows as last seen.
    pub(super) async fn views_behind(
        &self,
        seen: BTreeMap<GroupKey, GroupRow>,
    ) -> PortResult<BTreeMap<GroupKey, View>> {
        let groups: Vec<GroupKey> = seen.keys().cloned().collect();
        let views = self.views(&groups).await?;
        for (group, row) in seen {
            // Who delivers would look for them in another shard. The next try knows the new row.
            if views.get(&group).is_none_or(|view| view.row.shards != row.shards) {
                return Err(PortError::Unavailable {
                    what: "group",
                    why: format!("the shards of {group} are others than they were"),
                });
            }
        }
        Ok(views)
    }
}

/// The latest row as it is read.
pub(super) fn latest_row(stored: Option<(u64, Vec<u8>)>) -> PortResult<LatestRow> {
    match stored {
        None => Ok(LatestRow::default()),
        Some((_, bytes)) => decode(&bytes).map_err(|error| unreadable("latest", &error)),
    }
}

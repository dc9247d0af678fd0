//! The version of a shard of connections.

use std::collections::BTreeMap;

/// Connections that a shard's version names; with more, the oldest half is forgotten. With names
/// of 16 characters the row that holds them stays under 1 KB, which is one write unit.
pub const SHARD_CHANGES_MAX: usize = 32;

/// A shard's version, and whose subscribers changed lately: who holds the subscribers as of an
/// earlier version reads those again and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardVersion {
    /// Rises with each change of a subscriber, behind it. 0: there was none yet.
    pub version: u64,
    /// How many of the changes named nobody, as they were made by a build that did not.
    pub unnamed: u64,
    /// The changes of versions above this one are all in `changes`, but for the unnamed.
    pub named_after: u64,
    /// Connections whose subscriber changed, and the version of its last change.
    pub changes: BTreeMap<String, u64>,
}

impl ShardVersion {
    /// Connections whose subscribers may have changed since an earlier version was read; none if
    /// that is not known any longer.
    pub fn changed_since(&self, earlier: &Self) -> Option<Vec<String>> {
        let is_known = earlier.version >= self.named_after
            && earlier.version <= self.version
            && earlier.unnamed == self.unnamed;
        let changed = self.changes.iter();
        let changed = changed.filter(|(_, version)| **version > earlier.version);
        is_known.then(|| changed.map(|(connection, _)| connection.clone()).collect())
    }

    /// The oldest changes, to be forgotten where no more than `names_max` are kept: as many at a
    /// time as are.
    pub fn surplus(&self, names_max: usize) -> Vec<(&str, u64)> {
        if self.changes.len() <= names_max {
            return Vec::new();
        }
        let changes = self.changes.iter();
        let mut changes: Vec<_> = changes.map(|(name, version)| (name.as_str(), *version)).collect();
        changes.sort_unstable_by_key(|(_, version)| *version);
        changes.truncate((self.changes.len() - names_max / 2).min(names_max));
        changes
    }
}

/// For twins, which hold it in memory.
#[cfg(feature = "testing")]
impl ShardVersion {
    /// Raises it by a connection's change, and keeps no more than `names_max` names.
    pub fn raise(&mut self, connection: &str, names_max: usize) {
        self.version += 1;
        self.changes.insert(connection.to_owned(), self.version);
        let surplus = self.surplus(names_max).into_iter();
        let surplus: Vec<_> = surplus
            .map(|(name, version)| (name.to_owned(), version))
            .collect();
        for (name, version) in surplus {
            self.changes.remove(&name);
            self.named_after = version;
        }
    }
}

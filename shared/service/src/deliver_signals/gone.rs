//! Connections that are gone and not forgotten yet: nothing is posted to them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashSet;

/// Connections that are remembered; beyond them one is posted to once more.
const CONNECTIONS_MAX: usize = 100_000;

/// Those that this process found gone.
#[derive(Default)]
pub(super) struct Gone(Mutex<FxHashSet<String>>);

impl Gone {
    fn connections(&self) -> MutexGuard<'_, FxHashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, connection: &str) -> bool {
        self.connections().contains(connection)
    }

    /// Whether it was not known.
    pub(super) fn note(&self, connection: &str) -> bool {
        let mut connections = self.connections();
        !connections.contains(connection)
            && (connections.len() >= CONNECTIONS_MAX || connections.insert(connection.to_owned()))
    }

    /// Its rows are deleted.
    pub(super) fn forgotten(&self, connection: &str) {
        self.connections().remove(connection);
    }
}

//! What the contracts run on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use tempfile::TempDir;
use tickwire::store::{DataDirectory, Engine};
use tickwire_aws::Dynamo;
use tickwire_market::UnixNanos;
use tickwire_service::ports::Clock;
use tickwire_streams::GroupKey;
use tickwire_telemetry::Meter;

/// A clock that a test moves.
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn new() -> Self {
        // 2026-01-05T09:00:00Z.
        Self(AtomicI64::new(1_767_603_600 * UnixNanos::PER_SECOND))
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_nanos() as i64, SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.0.load(SeqCst))
    }
}

/// The tables on the embedded engine.
pub(crate) struct Store {
    pub(crate) dynamo: Dynamo,
    pub(crate) clock: Arc<ManualClock>,
    _home: Option<(DataDirectory, TempDir)>,
}

impl Store {
    pub(crate) fn memory() -> Self {
        Self::on(&Engine::memory().unwrap(), None)
    }

    pub(crate) fn files() -> Self {
        let home = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(home.path()).unwrap();
        let engine = Engine::open(&directory).unwrap();
        Self::on(&engine, Some((directory, home)))
    }

    fn on(engine: &Engine, home: Option<(DataDirectory, TempDir)>) -> Self {
        let clock = Arc::new(ManualClock::new());
        let dynamo = Dynamo::new(engine.client(), "", Arc::new(Meter::default()), clock.clone());
        Self {
            dynamo,
            clock,
            _home: home,
        }
    }
}

/// A group key.
pub(crate) fn group(name: &str) -> GroupKey {
    format!("sim-test/{name}").parse().unwrap()
}

//! The queue twin under the contracts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tickwire::queue::{QueueName, QueueOptions, Queues, Received};
use tickwire::store::DataDirectory;
use tickwire_service::ports::{
    DeadLetter, DeadLetters, Enqueue, Outgoing, Park, Parked, PortError, Postpone, Queue,
};
use tickwire_telemetry::Meter;

use super::queue::{QueueService, RECEIVES_MAX, VISIBILITY};
use super::world::ManualClock;

/// The twin.
pub(crate) struct Twin {
    pub(crate) queues: Queues,
    pub(crate) clock: Arc<ManualClock>,
    _home: Option<(DataDirectory, TempDir)>,
}

pub(crate) fn options() -> QueueOptions {
    QueueOptions {
        visibility: VISIBILITY,
        receives_max: RECEIVES_MAX,
        ..QueueOptions::default()
    }
}

impl Twin {
    pub(crate) fn memory() -> Self {
        let clock = Arc::new(ManualClock::new());
        Self {
            queues: Queues::memory(options(), clock.clone(), Arc::new(Meter::default())),
            clock,
            _home: None,
        }
    }

    pub(crate) fn file() -> Self {
        let clock = Arc::new(ManualClock::new());
        let home = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(home.path()).unwrap();
        let queues = Queues::open(&directory, options(), clock.clone(), Arc::new(Meter::default())).unwrap();
        Self {
            queues,
            clock,
            _home: Some((directory, home)),
        }
    }
}

#[async_trait]
impl Enqueue for Twin {
    async fn send(&self, queue: Queue, message: Outgoing) -> Result<(), PortError> {
        self.queues.send(queue, message).await
    }
}

#[async_trait]
impl Park for Twin {
    async fn park(&self, parked: Parked) -> Result<(), PortError> {
        self.queues.park(parked).await
    }
}

#[async_trait]
impl Postpone for Twin {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> Result<(), PortError> {
        self.queues.postpone(queue, receipt, delay).await
    }
}

#[async_trait]
impl DeadLetters for Twin {
    async fn count(&self, queue: Queue) -> Result<u64, PortError> {
        self.queues.count(queue).await
    }

    async fn take(&self, queue: Queue, max: usize, hold: Duration) -> Result<Vec<DeadLetter>, PortError> {
        self.queues.take(queue, max, hold).await
    }

    async fn put_down(&self, queue: Queue, receipt: &str) -> Result<(), PortError> {
        self.queues.put_down(queue, receipt).await
    }

    async fn remove(&self, queue: Queue, receipt: &str) -> Result<(), PortError> {
        self.queues.remove(queue, receipt).await
    }
}

#[async_trait]
impl QueueService for Twin {
    async fn receive(&self, queue: QueueName, max: usize, wait: Duration) -> Vec<Received> {
        self.queues.receive(queue, max, wait).await.unwrap()
    }

    async fn delete(&self, queue: QueueName, receipt: &str) -> bool {
        self.queues.delete(queue, receipt)
    }

    async fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }
}

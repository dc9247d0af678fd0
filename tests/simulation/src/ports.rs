//! The ports of one process, over the world.

mod sockets;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tickwire_market::UnixNanos;
use tickwire_service::access::Access;
use tickwire_service::deliver_signals::DeliverPorts;
use tickwire_service::ingest_ticks::IngestPorts;
use tickwire_service::manage_subscription::SubscriptionPorts;
use tickwire_service::ports::{
    Clock, Enqueue, Entropy, Outgoing, Park, Parked, PortError, PortResult, Postpone, Queue, Secret,
    SecretVersions, Secrets, Timer,
};
use tickwire_service::query_history::QueryPorts;
use tickwire_streams::{PostQuota, Shares};

use crate::planted::{Bug, Memory};
use crate::world::{Course, Outcome, Shared, World};

/// All ports of a process.
pub(crate) struct Ports {
    world: Shared,
    process: usize,
    memory: Mutex<Memory>,
}

impl Ports {
    pub(crate) fn new(world: Shared, process: usize) -> Arc<Self> {
        Arc::new(Self {
            world,
            process,
            memory: Mutex::default(),
        })
    }

    pub(crate) fn of_ingest(self: &Arc<Self>) -> IngestPorts {
        IngestPorts::on(self, self, self.clone(), self.clone())
    }

    pub(crate) fn of_deliver(self: &Arc<Self>) -> DeliverPorts {
        DeliverPorts {
            groups: self.clone(),
            connections: self.clone(),
            push: self.clone(),
            park: self.clone(),
            postpone: self.clone(),
            timer: self.clone(),
            access: self.access(),
            clock: self.clone(),
        }
    }

    /// With no more posts than these, for whoever comes first.
    pub(crate) fn first_come(self: &Arc<Self>, quota: PostQuota) {
        self.memory().posts = Some(Shares::new(quota));
    }

    pub(crate) fn of_subscriptions(self: &Arc<Self>) -> SubscriptionPorts {
        SubscriptionPorts {
            connections: self.clone(),
            groups: self.clone(),
            log: self.clone(),
            push: self.clone(),
            enqueue: self.clone(),
            access: self.access(),
            clock: self.clone(),
        }
    }

    pub(crate) fn of_query(self: &Arc<Self>) -> QueryPorts {
        QueryPorts {
            groups: self.clone(),
            log: self.clone(),
            bars: self.clone(),
            access: self.access(),
            secrets: Arc::new(Marks),
            clock: self.clone(),
            timer: self.clone(),
        }
    }

    fn access(self: &Arc<Self>) -> Access {
        Access::new(self.clone(), self.clone(), self.clone())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, bug: Bug) -> bool {
        self.world.lock().has(bug)
    }

    /// One call: it takes its time, takes effect, and may go wrong before or after.
    async fn call<T: Send>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut World) -> PortResult<T> + Send,
    ) -> PortResult<T> {
        let course = self.world.lock().course(self.process, what);
        self.run(course, what, effect).await
    }

    async fn run<T: Send>(
        &self,
        course: Course,
        what: &'static str,
        effect: impl FnOnce(&mut World) -> PortResult<T> + Send,
    ) -> PortResult<T> {
        let Course {
            before,
            outcome,
            after,
        } = course;
        if before > 0 {
            self.world.sleep(before).await;
        }
        let result = match outcome {
            Outcome::Done => effect(&mut self.world.lock()),
            Outcome::Failed(error) => return Err(error),
            Outcome::AnswerLost => {
                effect(&mut self.world.lock())?;
                Err(PortError::Unavailable {
                    what,
                    why: "the answer is lost".to_owned(),
                })
            }
            Outcome::DiesBefore => return self.die().await,
            Outcome::DiesAfter => {
                let _ = effect(&mut self.world.lock());
                return self.die().await;
            }
        };
        if after > 0 {
            self.world.sleep(after).await;
        }
        result
    }

    async fn die<T>(&self) -> PortResult<T> {
        self.world.lock().dying.push(self.process);
        std::future::pending().await
    }
}

impl Clock for Ports {
    fn now(&self) -> UnixNanos {
        let world = self.world.lock();
        UnixNanos(world.now + world.skews[self.process])
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.world.lock().now.unsigned_abs())
    }
}

#[async_trait]
impl Timer for Ports {
    async fn sleep(&self, duration: Duration) {
        self.world
            .sleep(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
            .await;
    }
}

impl Entropy for Ports {
    fn bytes(&self) -> PortResult<[u8; 32]> {
        use rand::RngExt as _;
        Ok(self.world.lock().random.random())
    }
}

#[async_trait]
impl Enqueue for Ports {
    async fn send(&self, queue: Queue, message: Outgoing) -> PortResult<()> {
        if queue == Queue::Signals && self.has(Bug::TailNotRepublished) && !self.memory().committed(&message)
        {
            return Ok(());
        }
        let sent = self
            .call("send", |world| {
                world.enqueue(queue, message);
                Ok(())
            })
            .await;
        if queue == Queue::Signals && self.has(Bug::PublicationNotAwaited) {
            return Ok(());
        }
        sent
    }
}

#[async_trait]
impl Park for Ports {
    async fn park(&self, parked: Parked) -> PortResult<()> {
        self.call("park", |world| {
            world.parked += 1;
            if let (Queue::Ticks, Ok(message)) = (parked.queue, parked.message_id.parse()) {
                world.truth.on_parked(&parked.group, message);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Postpone for Ports {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> PortResult<()> {
        let delay = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
        self.call("postpone", |world| {
            let now = world.now;
            if let Some(at) = world.queue(queue).postpone(now, receipt, delay) {
                world.dispatch_at(queue, at);
            }
            Ok(())
        })
        .await
    }
}

/// The key of watermarks, which is always there.
pub(crate) struct Marks;

#[async_trait]
impl Secrets for Marks {
    async fn secret(&self, _: &str) -> PortResult<SecretVersions> {
        Ok(SecretVersions {
            current: Secret::new([7; 32]),
            previous: None,
        })
    }
}

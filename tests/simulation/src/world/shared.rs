//! The world as processes hold it, and sleeping in its time.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::{Event, World};

/// The world, as processes hold it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for so many simulated nanoseconds.
    pub(crate) fn sleep(&self, nanos: i64) -> Sleep {
        let until = self.lock().now.saturating_add(nanos);
        Sleep {
            world: self.clone(),
            until,
            sleeper: None,
        }
    }
}

/// A sleep in simulated time.
pub(crate) struct Sleep {
    world: Shared,
    until: i64,
    sleeper: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (until, sleeper) = (self.until, self.sleeper);
        let mut world = self.world.lock();
        if world.now >= until {
            return Poll::Ready(());
        }
        let sleeper = sleeper.unwrap_or_else(|| {
            let sleeper = world.scheduled + 1;
            world.schedule(until, Event::Wake(sleeper));
            sleeper
        });
        world.sleepers.insert(sleeper, context.waker().clone());
        drop(world);
        self.sleeper = Some(sleeper);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(sleeper) = self.sleeper {
            self.world.lock().sleepers.remove(&sleeper);
        }
    }
}
